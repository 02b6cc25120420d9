-- The ledger: what each user holds, and the journal that proves it.

create function set_updated_at() returns trigger language plpgsql as $$
begin
  if new.updated_at = old.updated_at then
    new.updated_at := clock_timestamp();
  end if;
  return new;
end $$;

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the journal is append-only: % of % is refused', tg_op, tg_table_name using errcode = 'restrict_violation';
end $$;

create table tiers (
  tier text primary key,
  price_monthly numeric(28, 12) not null check (price_monthly >= 0),
  credits_monthly numeric(28, 12) not null check (credits_monthly >= 0),
  rollover_share numeric(4, 3) not null default 0 check (rollover_share between 0 and 1),
  admin_only boolean not null default false,
  features text[] not null default '{}'
);
comment on table tiers is 'What each tier costs and gives: data, not code';
comment on column tiers.tier is 'Its name';
comment on column tiers.price_monthly is 'Price of a period, in USD';
comment on column tiers.credits_monthly is 'Credits granted each period';
comment on column tiers.rollover_share is 'How much of what is left of a period''s credits is carried into the next one, once';
comment on column tiers.admin_only is 'Only an admin may switch somebody to it';
comment on column tiers.features is 'What it offers, for people to read';
insert into tiers (tier, price_monthly, credits_monthly, admin_only, features) values
  ('trial', 4.00, 5.00, false, '{"5 credits a month", "Free models", "Pay as you go"}'),
  ('starter', 19.00, 20.00, false, '{"20 credits a month", "All models", "Your own OpenRouter key"}'),
  ('professional', 49.00, 60.00, false, '{"60 credits a month", "All models", "Your own OpenRouter key", "Agents"}'),
  ('enterprise', 99.00, 999999.99, true, '{"999,999.99 credits a month", "All models", "Your own OpenRouter key", "Agents", "Contract"}');

create table user_credits (
  user_id text primary key check (length(user_id) between 1 and 255),
  tier text not null references tiers,
  pending_tier text references tiers,
  balance numeric(28, 12) not null default 0,
  held numeric(28, 12) not null default 0 check (held >= 0),
  debt numeric(28, 12) not null default 0 check (debt >= 0),
  overdraft_limit numeric(28, 12) not null default 0 check (overdraft_limit >= 0),
  bonus_credits numeric(28, 12) not null default 0 check (bonus_credits >= 0),
  free_tier_used numeric(28, 12) not null default 0 check (free_tier_used >= 0),
  last_seq bigint not null default 0 check (last_seq >= 0),
  last_lot int not null default 0 check (last_lot >= 0),
  last_charge int not null default 0 check (last_charge >= 0),
  head_hash text not null default '' check (length(head_hash) in (0, 64)),
  anchor_at timestamptz not null,
  period int not null default 0 check (period >= 0),
  period_start timestamptz not null,
  reset_at timestamptz not null,
  period_granted numeric(28, 12) not null default 0 check (period_granted >= 0),
  period_price numeric(28, 12) not null default 0 check (period_price >= 0),
  reset_by_hand int check (reset_by_hand <= period),
  next_due_at timestamptz not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check (pending_tier <> tier),
  check (reset_at > period_start)
) with (fillfactor = 70);
create index user_credits_due on user_credits (next_due_at);
create trigger user_credits_updated before update on user_credits for each row execute function set_updated_at();
comment on table user_credits is 'One row a user: what he holds now, kept in step with the journal in the same transaction';
comment on column user_credits.user_id is 'The user, as his token names him';
comment on column user_credits.tier is 'His tier';
comment on column user_credits.pending_tier is 'The cheaper tier that the next reset brings';
comment on column user_credits.balance is 'Live lots + held - debt = the sum of his journal';
comment on column user_credits.held is 'Set aside for requests that have not ended';
comment on column user_credits.debt is 'Served, but not yet paid for';
comment on column user_credits.overdraft_limit is 'How far holds may go below nothing';
comment on column user_credits.bonus_credits is 'What is left of live bonus lots';
comment on column user_credits.free_tier_used is 'What this period''s free usage would have cost';
comment on column user_credits.last_seq is 'The number of his last journal line';
comment on column user_credits.last_lot is 'The number of his last lot';
comment on column user_credits.last_charge is 'The number of his last period charge; 0: not opened yet';
comment on column user_credits.head_hash is 'The hash of his last journal line';
comment on column user_credits.anchor_at is 'When his first period began: ends of periods are counted from it';
comment on column user_credits.period is 'Which period this is, from 0';
comment on column user_credits.period_start is 'When it began';
comment on column user_credits.reset_at is 'When it ends';
comment on column user_credits.period_granted is 'What tiers granted in this period';
comment on column user_credits.period_price is 'The price that this period is charged up to, before discounts';
comment on column user_credits.reset_by_hand is 'The last period that was reset by hand';
comment on column user_credits.next_due_at is 'The earliest moment at which time alone changes something: settled before anything is read';
comment on column user_credits.created_at is 'When he was first seen';
comment on column user_credits.updated_at is 'When the row last changed';

create table credit_lots (
  user_id text not null references user_credits,
  lot int not null check (lot > 0),
  kind text not null check (kind in ('monthly', 'bonus', 'purchase', 'refund', 'adjustment')),
  granted numeric(28, 12) not null check (granted > 0),
  remaining numeric(28, 12) not null check (remaining >= 0),
  held numeric(28, 12) not null default 0 check (held >= 0),
  priority smallint not null check (priority between 0 and 255),
  active boolean not null,
  rolled boolean not null default false,
  effective_at timestamptz not null,
  expires_at timestamptz,
  primary key (user_id, lot),
  check (remaining + held <= granted),
  check (expires_at >= effective_at)
) with (fillfactor = 80);
create index credit_lots_open on credit_lots (user_id) where remaining > 0 or held > 0;
comment on table credit_lots is 'Amounts granted at one moment, and what is left of each';
comment on column credit_lots.user_id is 'Whose';
comment on column credit_lots.lot is 'Counts per user from 1';
comment on column credit_lots.kind is 'What it was granted for';
comment on column credit_lots.granted is 'What came into it: the grant less the debt that it paid';
comment on column credit_lots.remaining is 'What is left, without what is held';
comment on column credit_lots.held is 'What active holds have set aside of it';
comment on column credit_lots.priority is 'Lower burns first';
comment on column credit_lots.active is 'Whether its journal line is written: false until effective_at';
comment on column credit_lots.rolled is 'Carried over from the period before';
comment on column credit_lots.effective_at is 'Worth nothing before';
comment on column credit_lots.expires_at is 'Worth nothing at and after; null: never ends';

create table credit_transactions (
  user_id text not null references user_credits,
  seq bigint not null check (seq > 0),
  id uuid not null,
  transaction_type text not null check (transaction_type in ('allocation', 'usage', 'bonus', 'refund', 'monthly_reset', 'expiry', 'adjustment')),
  amount numeric(28, 12) not null check (amount <> 0),
  balance_after numeric(28, 12) not null,
  counterparty text not null,
  service text,
  model text,
  provider_cost numeric(28, 12) check (provider_cost >= 0),
  markup numeric(28, 12),
  draws json not null,
  actor_sub text not null,
  actor_role text not null,
  reason text,
  metadata json not null,
  key text,
  hold_id text,
  refunds bigint,
  trace_id text,
  created_at timestamptz not null,
  posted_at timestamptz not null,
  hash text not null check (length(hash) = 64),
  primary key (user_id, seq),
  check ((provider_cost is null) = (markup is null))
);
create index credit_transactions_by_type on credit_transactions (user_id, transaction_type, seq);
create unique index credit_transactions_id on credit_transactions (id);
create index credit_transactions_refunds on credit_transactions (user_id, refunds) where refunds is not null;
create trigger credit_transactions_append_only before update or delete on credit_transactions for each row execute function refuse_change();
create trigger credit_transactions_no_truncate before truncate on credit_transactions for each statement execute function refuse_change();
comment on table credit_transactions is 'The journal: every change of a balance, in order, for ever';
comment on column credit_transactions.user_id is 'Whose';
comment on column credit_transactions.seq is 'Counts per user from 1 without gaps: the order';
comment on column credit_transactions.id is 'Its public id';
comment on column credit_transactions.transaction_type is 'What happened';
comment on column credit_transactions.amount is 'What the balance changed by';
comment on column credit_transactions.balance_after is 'The balance then';
comment on column credit_transactions.counterparty is 'The other side: issuance, usage:<service>, expiry';
comment on column credit_transactions.service is 'The service that was used';
comment on column credit_transactions.model is 'The model that was used';
comment on column credit_transactions.provider_cost is 'Of a usage: what the provider takes';
comment on column credit_transactions.markup is 'Of a usage: what the platform adds';
comment on column credit_transactions.draws is 'Which lot, or the debt, gave or took how much; they add up to the amount';
comment on column credit_transactions.actor_sub is 'Who did it';
comment on column credit_transactions.actor_role is 'As what';
comment on column credit_transactions.reason is 'Why, in words';
comment on column credit_transactions.metadata is 'What the caller wanted kept, and for usage where it came from';
comment on column credit_transactions.key is 'The command''s key: rest:<Idempotency-Key> or event:<id>';
comment on column credit_transactions.hold_id is 'The hold that it settled';
comment on column credit_transactions.refunds is 'The line that it gives back';
comment on column credit_transactions.trace_id is 'The trace in which it was posted';
comment on column credit_transactions.created_at is 'When, to the millisecond; an expiry at the moment its lot ended';
comment on column credit_transactions.posted_at is 'When it was written';
comment on column credit_transactions.hash is 'sha256 over the hash of the line before and every column of this one';
-- The trigger refuses; without the right to try, nobody who has only this role even gets that far.
revoke update, delete, truncate on credit_transactions from current_user;
