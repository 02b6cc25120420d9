-- Usage: every event once, and the sums of it by hour and by day, written together.

create table usage_event_ids (
  user_id text not null check (length(user_id) between 1 and 255),
  source text not null check (length(source) between 1 and 255),
  event_id text not null check (length(event_id) between 1 and 128),
  outcome text not null check (outcome in ('recorded', 'dead')),
  id uuid,
  occurred_at timestamptz,
  content_hash text not null,
  recorded_at timestamptz not null default now(),
  primary key (user_id, source, event_id),
  check ((outcome = 'recorded') = (id is not null)),
  check ((id is null) = (occurred_at is null))
);
create index usage_event_ids_age on usage_event_ids using brin (recorded_at);
comment on table usage_event_ids is 'Who reported which event: it makes an event happen once. Apart from the events, because a unique key of a partitioned table must contain its partition key';
comment on column usage_event_ids.user_id is 'Whose usage';
comment on column usage_event_ids.source is 'Who reported it: never a user''s free text, so that nobody takes another''s ids';
comment on column usage_event_ids.event_id is 'The reporter''s id of it';
comment on column usage_event_ids.outcome is 'recorded; or dead: it is a dead letter, and may still be recorded when it is driven again';
comment on column usage_event_ids.id is 'The event';
comment on column usage_event_ids.occurred_at is 'The event''s time, which finds its partition';
comment on column usage_event_ids.content_hash is 'sha256 of what was reported: the same id with other content is a conflict';
comment on column usage_event_ids.recorded_at is 'When; kept for 100 days';

create table usage_events (
  user_id text not null,
  occurred_at timestamptz not null,
  id uuid not null,
  source text not null,
  event_id text not null,
  service text not null check (length(service) between 1 and 255),
  model text check (length(model) between 1 and 255),
  tokens_used bigint not null check (tokens_used >= 0),
  input_tokens bigint not null check (input_tokens >= 0),
  output_tokens bigint not null check (output_tokens >= 0),
  cached_tokens bigint not null check (cached_tokens >= 0),
  cache_write_tokens bigint not null check (cache_write_tokens >= 0),
  reasoning_tokens bigint not null check (reasoning_tokens >= 0),
  media_tokens jsonb,
  split_assumed boolean not null,
  quantity numeric(28, 12) check (quantity >= 0),
  unit text check (unit in ('image', 'request', 'character', 'second', 'query')),
  basis text not null check (basis in ('price', 'cost', 'provider_cost')),
  price_id uuid,
  markup_class text not null check (markup_class in ('free', 'budget', 'standard', 'premium')),
  markup_rate numeric(6, 4) not null check (markup_rate >= 0),
  provider_cost numeric(28, 12) not null check (provider_cost >= 0),
  platform_markup numeric(28, 12) not null check (platform_markup >= 0),
  total_cost numeric(28, 12) not null check (total_cost = provider_cost + platform_markup),
  charged numeric(28, 12) not null check (charged >= 0),
  free_value numeric(28, 12) not null check (free_value >= 0),
  is_free boolean not null,
  byok boolean not null,
  hold_id text,
  metadata jsonb not null default '{}',
  created_at timestamptz not null,
  primary key (user_id, occurred_at, id),
  check (unit is null or quantity is not null),
  check (charged = case when is_free then 0 when byok then charged else total_cost end),
  check (is_free or free_value = 0),
  check (basis <> 'price' or is_free or price_id is not null)
) partition by range (occurred_at);
create table usage_events_default partition of usage_events default;
comment on table usage_events is 'Each use of a service, once, with what it cost and why. Partitioned by month; a job makes the months and drops those past their retention';
comment on column usage_events.user_id is 'Who used it';
comment on column usage_events.occurred_at is 'When it was used';
comment on column usage_events.id is 'The event = its message = what credits applies once';
comment on column usage_events.source is 'Who reported it';
comment on column usage_events.event_id is 'The reporter''s id of it';
comment on column usage_events.service is 'What was used';
comment on column usage_events.model is 'The model, where there is one';
comment on column usage_events.tokens_used is 'All tokens';
comment on column usage_events.input_tokens is 'Input tokens, cached and written ones included';
comment on column usage_events.output_tokens is 'Output tokens, reasoning included';
comment on column usage_events.cached_tokens is 'Input tokens read from a cache';
comment on column usage_events.cache_write_tokens is 'Input tokens written to a cache';
comment on column usage_events.reasoning_tokens is 'Output tokens of reasoning';
comment on column usage_events.media_tokens is 'Image and audio tokens as reported, where there were any';
comment on column usage_events.split_assumed is 'Only a total was reported; input and output are a guess';
comment on column usage_events.quantity is 'How much, where it is not tokens';
comment on column usage_events.unit is 'What the quantity counts';
comment on column usage_events.basis is 'Made from the price, or from the cost or provider_cost that was reported';
comment on column usage_events.price_id is 'The price in force';
comment on column usage_events.markup_class is 'The class it was marked up by';
comment on column usage_events.markup_rate is 'The rate of that class';
comment on column usage_events.provider_cost is 'What the provider takes';
comment on column usage_events.platform_markup is 'What the platform adds';
comment on column usage_events.total_cost is 'Both together';
comment on column usage_events.charged is 'What the user''s credits pay: the total; 0 if free; the platform''s fee where the user''s own key paid';
comment on column usage_events.free_value is 'What free usage would have cost';
comment on column usage_events.is_free is 'Free usage';
comment on column usage_events.byok is 'The user''s own provider key paid';
comment on column usage_events.hold_id is 'The hold that this settles';
comment on column usage_events.metadata is 'What the reporter wants kept with it';
comment on column usage_events.created_at is 'When it was recorded';

create table usage_hours (
  user_id text not null,
  bucket timestamptz not null check (bucket = date_trunc('hour', bucket, 'UTC')),
  service text not null,
  model text not null,
  is_free boolean not null,
  event_count bigint not null check (event_count > 0),
  tokens bigint not null check (tokens >= 0),
  input_tokens bigint not null check (input_tokens >= 0),
  output_tokens bigint not null check (output_tokens >= 0),
  cached_tokens bigint not null check (cached_tokens >= 0),
  cache_write_tokens bigint not null check (cache_write_tokens >= 0),
  reasoning_tokens bigint not null check (reasoning_tokens >= 0),
  provider_cost numeric(28, 12) not null check (provider_cost >= 0),
  total_cost numeric(28, 12) not null check (total_cost >= provider_cost),
  charged numeric(28, 12) not null check (charged >= 0),
  updated_at timestamptz not null default now(),
  primary key (user_id, bucket, service, model, is_free)
) with (fillfactor = 70);
create trigger usage_hours_updated before update on usage_hours for each row execute function set_updated_at();
comment on table usage_hours is 'What each user used in each hour (UTC), by service, model and whether it was free: written with the events, so always equal to their sum';
comment on column usage_hours.user_id is 'The user';
comment on column usage_hours.bucket is 'When the hour begins';
comment on column usage_hours.service is 'What was used';
comment on column usage_hours.model is 'The model; empty for none';
comment on column usage_hours.is_free is 'Free usage apart from paid';
comment on column usage_hours.event_count is 'Events';
comment on column usage_hours.tokens is 'All tokens';
comment on column usage_hours.input_tokens is 'Input tokens, cached and written ones included';
comment on column usage_hours.output_tokens is 'Output tokens, reasoning included';
comment on column usage_hours.cached_tokens is 'Input tokens read from a cache';
comment on column usage_hours.cache_write_tokens is 'Input tokens written to a cache';
comment on column usage_hours.reasoning_tokens is 'Output tokens of reasoning';
comment on column usage_hours.provider_cost is 'What providers took';
comment on column usage_hours.total_cost is 'With the markup';
comment on column usage_hours.charged is 'What the user''s credits paid';
comment on column usage_hours.updated_at is 'When it last grew';

create table usage_days (
  user_id text not null,
  bucket timestamptz not null check (bucket = date_trunc('day', bucket, 'UTC')),
  service text not null,
  model text not null,
  is_free boolean not null,
  event_count bigint not null check (event_count > 0),
  tokens bigint not null check (tokens >= 0),
  input_tokens bigint not null check (input_tokens >= 0),
  output_tokens bigint not null check (output_tokens >= 0),
  cached_tokens bigint not null check (cached_tokens >= 0),
  cache_write_tokens bigint not null check (cache_write_tokens >= 0),
  reasoning_tokens bigint not null check (reasoning_tokens >= 0),
  provider_cost numeric(28, 12) not null check (provider_cost >= 0),
  total_cost numeric(28, 12) not null check (total_cost >= provider_cost),
  charged numeric(28, 12) not null check (charged >= 0),
  updated_at timestamptz not null default now(),
  primary key (user_id, bucket, service, model, is_free)
) with (fillfactor = 70);
create trigger usage_days_updated before update on usage_days for each row execute function set_updated_at();
comment on table usage_days is 'What each user used in each day (UTC), by service, model and whether it was free: written with the events, so always equal to their sum';
comment on column usage_days.user_id is 'The user';
comment on column usage_days.bucket is 'When the day begins';
comment on column usage_days.service is 'What was used';
comment on column usage_days.model is 'The model; empty for none';
comment on column usage_days.is_free is 'Free usage apart from paid';
comment on column usage_days.event_count is 'Events';
comment on column usage_days.tokens is 'All tokens';
comment on column usage_days.input_tokens is 'Input tokens, cached and written ones included';
comment on column usage_days.output_tokens is 'Output tokens, reasoning included';
comment on column usage_days.cached_tokens is 'Input tokens read from a cache';
comment on column usage_days.cache_write_tokens is 'Input tokens written to a cache';
comment on column usage_days.reasoning_tokens is 'Output tokens of reasoning';
comment on column usage_days.provider_cost is 'What providers took';
comment on column usage_days.total_cost is 'With the markup';
comment on column usage_days.charged is 'What the user''s credits paid';
comment on column usage_days.updated_at is 'When it last grew';

create view daily_usage as
  select user_id, (bucket at time zone 'UTC')::date as day, service,
    sum(event_count) as event_count, sum(event_count) filter (where is_free) as free_events,
    sum(tokens) as tokens, sum(total_cost) as total_cost, sum(charged) as charged
  from usage_days group by user_id, bucket, service;
comment on view daily_usage is 'What each user used on each day, by service';
comment on column daily_usage.user_id is 'The user';
comment on column daily_usage.day is 'The day (UTC)';
comment on column daily_usage.service is 'What was used';
comment on column daily_usage.event_count is 'Events';
comment on column daily_usage.free_events is 'Of them free';
comment on column daily_usage.tokens is 'All tokens';
comment on column daily_usage.total_cost is 'With the markup';
comment on column daily_usage.charged is 'What credits paid';
