-- Chats on users' own keys: each is sent once, and what it used is told to usage until usage has it.

create table routed_requests (
  user_id text not null check (length(user_id) between 1 and 255),
  request_id text not null check (length(request_id) between 1 and 128),
  model text not null,
  asked_by text not null,
  started_at timestamptz not null default clock_timestamp(),
  answered_at timestamptz,
  report jsonb,
  attempts int not null default 0 check (attempts >= 0),
  next_at timestamptz not null default clock_timestamp(),
  last_error text,
  recorded_at timestamptz,
  primary key (user_id, request_id),
  check (report is null or answered_at is not null),
  check (recorded_at is null or report is not null)
);
create index routed_requests_due on routed_requests (next_at) where report is not null and recorded_at is null;
create index routed_requests_age on routed_requests (started_at);
comment on table routed_requests is 'Chats that were sent to OpenRouter with a user''s own key; kept for 100 days, so that none is sent twice';
comment on column routed_requests.user_id is 'Whose key paid';
comment on column routed_requests.request_id is 'The asker''s id of the request = the event''s id at usage';
comment on column routed_requests.model is 'The model that was asked';
comment on column routed_requests.asked_by is 'The service that asked';
comment on column routed_requests.started_at is 'When, before it was sent';
comment on column routed_requests.answered_at is 'When the answer was there; null: it came never, or not yet';
comment on column routed_requests.report is 'What usage is told of it; null where the answer does not say what was used';
comment on column routed_requests.attempts is 'How often usage refused it';
comment on column routed_requests.next_at is 'Not told before';
comment on column routed_requests.last_error is 'Why usage refused it last';
comment on column routed_requests.recorded_at is 'When usage had it';
