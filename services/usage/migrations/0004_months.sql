-- The months of usage_events are made and dropped by these two, with the rights of the tables' owner: the running service
-- may not make, change or drop a table by itself.

create function make_usage_month(starts timestamptz) returns void
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  month text := 'usage_events_' || to_char(starts at time zone 'UTC', 'YYYY_MM');
  ends timestamptz := (starts at time zone 'UTC' + interval '1 month') at time zone 'UTC';
begin
  if starts <> date_trunc('month', starts, 'UTC') then
    raise exception 'a month does not begin at %', starts;
  end if;
  -- Nobody may add to DEFAULT between the move and the check that nothing of this month is left there.
  lock table usage_events_default in access exclusive mode;
  execute format('create table %I (like usage_events including all)', month);
  execute format(
    'with moved as (delete from usage_events_default where occurred_at >= $1 and occurred_at < $2 returning *)
     insert into %I select * from moved', month) using starts, ends;
  execute format('alter table usage_events attach partition %I for values from (%L) to (%L)', month, starts, ends);
end $$;
comment on function make_usage_month is 'Makes the partition of a month; what had to go to the DEFAULT partition meanwhile moves into it';

create function drop_usage_month(starts timestamptz) returns void
  language plpgsql security definer set search_path = public, pg_temp as $$
begin
  execute format('drop table %I', 'usage_events_' || to_char(starts at time zone 'UTC', 'YYYY_MM'));
end $$;
comment on function drop_usage_month is 'Drops the events of a month; their sums stay';

comment on function set_updated_at is 'Sets updated_at to the time of the change';
