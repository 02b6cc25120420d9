-- Every request that OpenRouter is asked in a user's name, whoever pays: its state, its hold, its name at OpenRouter.

alter table routed_requests
  add column state text,
  add column payer text not null default 'byok' check (payer in ('byok', 'managed')),
  add column hold_id text check (length(hold_id) between 1 and 255),
  add column is_free boolean not null default false,
  add column generation_id text check (length(generation_id) between 1 and 255);
update routed_requests set state = case
  when recorded_at is not null then 'recorded'
  when report is not null then 'answered'
  -- Of these nothing is known by which OpenRouter could be asked.
  else 'lost' end;
alter table routed_requests
  alter column state set not null,
  alter column payer drop default,
  alter column is_free drop default,
  add check (state in ('reserving', 'sent', 'refused', 'answered', 'recorded', 'lost')),
  add check ((state in ('answered', 'recorded')) = (report is not null)),
  add check ((state = 'recorded') = (recorded_at is not null)),
  -- Credits pay by a hold, and nobody else does.
  add check (hold_id is null or payer = 'managed');
drop index routed_requests_due;
create index routed_requests_due on routed_requests (next_at) where state not in ('recorded', 'lost');

comment on table routed_requests is 'What OpenRouter was asked in users'' names, whoever paid; kept for 100 days, so that none is sent twice';
comment on column routed_requests.user_id is 'Who asked, or for whom a service did';
comment on column routed_requests.report is 'What usage is told of it; null until it is known what was used';
comment on column routed_requests.attempts is 'How often what is due was tried in vain';
comment on column routed_requests.next_at is 'When the next step is due; while a process has the request in its hands it moves this on';
comment on column routed_requests.last_error is 'Why the last step was in vain';
comment on column routed_requests.state is 'Where it is: services/openrouter/src/states.ts is the table';
comment on column routed_requests.payer is 'byok: the user''s own key; managed: his credits, by the platform''s key';
comment on column routed_requests.hold_id is 'The credits that were set aside for it; its usage event captures them';
comment on column routed_requests.is_free is 'It was shown as free: whatever it costs, the user pays nothing';
comment on column routed_requests.generation_id is 'OpenRouter''s name of it, by which its bill can be asked for';
