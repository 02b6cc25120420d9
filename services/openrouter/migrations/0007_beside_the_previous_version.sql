-- The version before 0004 goes on beside this one while services are exchanged. It names no state, nobody who pays and no
-- next step; it says by the answer, the report and its recording where a request is.
alter table routed_requests
  alter column state set default 'sent',
  alter column payer set default 'byok',
  alter column is_free set default false,
  -- Who asks by that version answers within two minutes: nobody shall look for a bill before.
  alter column next_at set default clock_timestamp() + interval '10 minutes';

create function state_by_its_marks() returns trigger language plpgsql as $$
begin
  if new.state in ('sent', 'lost') and new.report is not null then
    new.state := 'answered';
    new.next_at := clock_timestamp();
  end if;
  if new.state = 'answered' and new.recorded_at is not null then
    new.state := 'recorded';
  end if;
  return new;
end $$;
comment on function state_by_its_marks is 'States a request as the version before states did: by its report and by its recording';
create trigger routed_requests_state before update on routed_requests
  for each row when (new.report is not null and new.state in ('sent', 'lost', 'answered')) execute function state_by_its_marks();
