-- Credits set aside for requests that have not ended.

create table credit_holds (
  user_id text not null references user_credits,
  hold_id text not null check (length(hold_id) between 1 and 255),
  state text not null check (state in ('active', 'captured', 'released', 'expired')),
  amount numeric(28, 12) not null check (amount >= 0),
  parts json not null,
  paid json not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  captured_line bigint,
  primary key (user_id, hold_id),
  check ((state = 'active') = (ended_at is null)),
  check (state <> 'active' or captured_line is null)
);
create index credit_holds_active on credit_holds (user_id) where state = 'active';
comment on table credit_holds is 'Holds: credits set aside for a request that has not ended; each ends once';
comment on column credit_holds.user_id is 'Whose';
comment on column credit_holds.hold_id is 'The request, as the caller names it';
comment on column credit_holds.state is 'active, then once captured, released or expired';
comment on column credit_holds.amount is 'What was set aside; 0: it ended before it began';
comment on column credit_holds.parts is 'Which lots, and the debt, it holds of; empty once it has ended';
comment on column credit_holds.paid is 'What its return paid of the debt: draws that add up to nothing';
comment on column credit_holds.created_at is 'When it was made';
comment on column credit_holds.expires_at is 'When it ends by itself';
comment on column credit_holds.ended_at is 'When it ended';
comment on column credit_holds.captured_line is 'The journal line that settled it';
