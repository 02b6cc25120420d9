-- What each period costs, and what lowers it. Tollbooth states what is due; a payment system collects it.

create table period_charges (
  user_id text not null references user_credits,
  number int not null check (number > 0),
  why text not null check (why in ('period', 'switch', 'by_hand')),
  tier text not null references tiers,
  period_start timestamptz not null,
  price numeric(28, 12) not null check (price >= 0),
  due numeric(28, 12) not null check (due between 0 and price),
  at timestamptz not null,
  primary key (user_id, number)
);
create unique index period_charges_once on period_charges (user_id, period_start) where why = 'period';
comment on table period_charges is 'Every price that became due';
comment on column period_charges.user_id is 'Whose';
comment on column period_charges.number is 'Counts per user from 1';
comment on column period_charges.why is 'period: a period began; switch: to a dearer tier; by_hand: an operator reset the period';
comment on column period_charges.tier is 'For which tier';
comment on column period_charges.period_start is 'In which period';
comment on column period_charges.price is 'Before discounts';
comment on column period_charges.due is 'After them';
comment on column period_charges.at is 'When';

create table discounts (
  user_id text not null references user_credits,
  id text not null,
  kind text not null check (kind in ('free_month', 'percentage', 'fixed')),
  value numeric(28, 12) not null check (value >= 0 and (kind <> 'percentage' or value <= 100)),
  added_at timestamptz not null default now(),
  used_in int,
  primary key (user_id, id),
  foreign key (user_id, used_in) references period_charges (user_id, number)
);
create index discounts_unused on discounts (user_id) where used_in is null;
comment on table discounts is 'What lowers the next price due, once each';
comment on column discounts.user_id is 'Whose';
comment on column discounts.id is 'The redemption it comes from';
comment on column discounts.kind is 'free_month: nothing is due; percentage; fixed';
comment on column discounts.value is 'Percent, or credits';
comment on column discounts.added_at is 'When it was redeemed';
comment on column discounts.used_in is 'The charge that it lowered';

create view monthly_credit_summary as
  select user_id, date_trunc('month', created_at, 'UTC') as month,
    count(*) as lines,
    coalesce(sum(amount) filter (where amount > 0), 0) as granted,
    coalesce(-sum(amount) filter (where transaction_type = 'usage'), 0) as used,
    coalesce(-sum(amount) filter (where transaction_type = 'expiry'), 0) as expired,
    sum(amount) as change
  from credit_transactions group by 1, 2;
comment on view monthly_credit_summary is 'Each user''s journal by month (UTC)';
comment on column monthly_credit_summary.user_id is 'Whose';
comment on column monthly_credit_summary.month is 'When the month begins';
comment on column monthly_credit_summary.lines is 'Journal lines';
comment on column monthly_credit_summary.granted is 'All that came in';
comment on column monthly_credit_summary.used is 'What usage took';
comment on column monthly_credit_summary.expired is 'What ended unused';
comment on column monthly_credit_summary.change is 'What the balance changed by';
