-- Listed prices that are not believed: an operator accepts them, or a later list has others.

create table price_quarantine (
  service text not null check (length(service) between 1 and 255),
  model text not null check (length(model) <= 255),
  source text not null,
  reason text not null,
  sheet jsonb not null,
  seen_at timestamptz not null default clock_timestamp(),
  primary key (service, model)
);
comment on table price_quarantine is 'Listed prices that wait for an operator: negative ones, and what rises more than tenfold; the price before holds meanwhile';
comment on column price_quarantine.service is 'Whose model it is';
comment on column price_quarantine.model is 'The model, in lower case; empty for whatever model of the service has no price of its own';
comment on column price_quarantine.source is 'Which list has it';
comment on column price_quarantine.reason is 'Why it is not believed';
comment on column price_quarantine.sheet is 'The price as it is listed';
comment on column price_quarantine.seen_at is 'When a list first had it';
