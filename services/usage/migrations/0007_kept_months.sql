-- Only old months can be dropped, whoever asks: the least that the retention can be set to is 4 months.
create or replace function drop_usage_month(starts timestamptz) returns void
  language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if (starts at time zone 'UTC' + interval '1 month') at time zone 'UTC' > (date_trunc('month', now() at time zone 'UTC') - interval '4 months') at time zone 'UTC' then
    raise exception 'the month of % is too young to be dropped', starts;
  end if;
  execute format('drop table %I', 'usage_events_' || to_char(starts at time zone 'UTC', 'YYYY_MM'));
end $$;
