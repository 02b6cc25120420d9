-- How facts leave and come in. The same in every service; see docs/ARCHITECTURE.md, "Delivery".

create table outbox (
  id bigint generated always as identity primary key,
  event_id uuid not null unique,
  subject text not null,
  headers jsonb not null,
  payload jsonb not null,
  attempts int not null default 0 check (attempts >= 0),
  next_at timestamptz not null default now(),
  published_at timestamptz,
  stream_seq bigint,
  stream_epoch text,
  failed_at timestamptz,
  last_error text,
  check ((published_at is null) = (stream_seq is null))
);
create index outbox_due on outbox (next_at, id) where published_at is null and failed_at is null;
create index outbox_sent on outbox (id) where published_at is not null;
comment on table outbox is 'Facts to be told: stored with what made them true, deleted when their consumer confirms that it applied them';
comment on column outbox.id is 'The order in which facts were written';
comment on column outbox.event_id is 'The event''s id = the message''s id = the consumer''s key';
comment on column outbox.subject is 'The subject it is published on';
comment on column outbox.headers is 'CloudEvents attributes and the trace context of the moment it became true';
comment on column outbox.payload is 'The event''s data, as its contract says';
comment on column outbox.attempts is 'How often it was found lost and made due again';
comment on column outbox.next_at is 'Not published before';
comment on column outbox.published_at is 'When the broker acknowledged it';
comment on column outbox.stream_seq is 'Its place in the stream, from the broker''s acknowledgement';
comment on column outbox.stream_epoch is 'When that stream was made, read before publishing: another time is another stream';
comment on column outbox.failed_at is 'When the broker refused it for good: an operator must look';
comment on column outbox.last_error is 'What the broker said last';

create table inbox (
  user_id text not null,
  consumer text not null,
  event_id uuid not null,
  outcome text not null check (outcome in ('applied', 'rejected', 'dead')),
  processed_at timestamptz not null default now(),
  primary key (user_id, consumer, event_id)
);
comment on table inbox is 'What became of each consumed event, written with its effect';
comment on column inbox.user_id is 'The user the event is about';
comment on column inbox.consumer is 'Which of the service''s consumers';
comment on column inbox.event_id is 'The event''s id';
comment on column inbox.outcome is 'applied: its effect is here; rejected: it has none by rule; dead: it is a dead letter';
comment on column inbox.processed_at is 'When';

create table dead_letters (
  id bigint generated always as identity primary key,
  stream text not null,
  seq bigint not null,
  subject text not null,
  headers jsonb not null,
  body bytea not null,
  reason text not null,
  at timestamptz not null default now(),
  redriven_at timestamptz
);
-- The bytes too: a stream that was lost and made again counts from 1 again.
create unique index dead_letters_open on dead_letters (stream, seq, sha256(body)) where redriven_at is null;
comment on table dead_letters is 'Messages that could not be applied, as they came; an operator drives them again';
comment on column dead_letters.id is 'The operator''s handle';
comment on column dead_letters.stream is 'The stream it came from';
comment on column dead_letters.seq is 'Its place there';
comment on column dead_letters.subject is 'The subject it came on';
comment on column dead_letters.headers is 'Its headers';
comment on column dead_letters.body is 'Its bytes';
comment on column dead_letters.reason is 'Why it could not be applied';
comment on column dead_letters.at is 'When it was buried';
comment on column dead_letters.redriven_at is 'When it was driven again with success';

create table commands (
  user_id text not null,
  key text not null,
  request_hash text not null,
  outcome text not null,
  answer text,
  created_at timestamptz not null default now(),
  primary key (user_id, key)
);
create index commands_age on commands (created_at);
comment on table commands is 'Idempotency: what each key answered first';
comment on column commands.user_id is 'Whose key it is: the caller''s';
comment on column commands.key is 'The kind of the key and the key';
comment on column commands.request_hash is 'sha256 of what was asked: the same key with other content is a conflict';
comment on column commands.outcome is 'ok, or the code of the refusal';
comment on column commands.answer is 'The answer''s exact text, kept for 7 days';
comment on column commands.created_at is 'When; the key is kept for 100 days';
