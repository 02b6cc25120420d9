-- What things cost: rows are added and never changed, so that every charge can be explained for ever.

create table prices (
  id uuid primary key,
  service text not null check (length(service) between 1 and 255),
  model text not null check (length(model) <= 255),
  match jsonb,
  position int not null default 0 check (position >= 0),
  class text check (class in ('free', 'budget', 'standard', 'premium')),
  text_only boolean not null,
  source text not null,
  valid_from timestamptz not null,
  created_at timestamptz not null default now(),
  unique (service, model, valid_from)
);
comment on table prices is 'What a model costs from a moment on, until its next row; the amounts are in price_rates';
comment on column prices.id is 'Names the row in events and quotes';
comment on column prices.service is 'The service that is used';
comment on column prices.model is 'The model; empty for whatever model of the service has no price of its own';
comment on column prices.match is 'Clauses over model names that this row is for; null: only its own';
comment on column prices.position is 'Where the clauses of several rows hold, the lowest comes first';
comment on column prices.class is 'Markup class, where the prompt price does not tell it';
comment on column prices.text_only is 'The model gives nothing but text: only then do prices of 0 mean free';
comment on column prices.source is 'Who said so: genai-prices, platform, the name of an import, admin';
comment on column prices.valid_from is 'Holds from then on; -infinity for the first';
comment on column prices.created_at is 'When it was written';

create table price_rates (
  price_id uuid not null references prices,
  unit text not null check (unit in (
    'input_token', 'output_token', 'cached_token', 'cache_write_token', 'reasoning_token',
    'image_input_token', 'image_cached_token', 'image_output_token',
    'audio_input_token', 'audio_cached_token', 'audio_output_token',
    'request_fee', 'image', 'request', 'character', 'second', 'query')),
  above_tokens bigint not null default 0 check (above_tokens >= 0),
  utc_from smallint not null default 0 check (utc_from between 0 and 1439),
  utc_to smallint not null default 1440 check (utc_to between 0 and 1440 and utc_to <> utc_from),
  price numeric(38, 24) not null check (price >= 0),
  primary key (price_id, unit, above_tokens, utc_from, utc_to)
);
comment on table price_rates is 'What one unit costs; of the rates that hold, one with a time of day beats one without, then the higher threshold';
comment on column price_rates.price_id is 'The row it belongs to';
comment on column price_rates.unit is 'One of what';
comment on column price_rates.above_tokens is 'Holds for prompts of strictly more tokens; 0 for all';
comment on column price_rates.utc_from is 'Holds from this minute of the UTC day';
comment on column price_rates.utc_to is 'up to this one, exclusive, over midnight where it is the smaller';
comment on column price_rates.price is 'USD for one unit; never negative';

create table catalogue (
  only_row boolean primary key default true check (only_row),
  version bigint not null default 0 check (version >= 0),
  updated_at timestamptz not null default now()
);
insert into catalogue default values;
comment on table catalogue is 'One row that every change of prices locks and counts up; a process whose copy is older reads the prices again';
comment on column catalogue.only_row is 'There is only this row';
comment on column catalogue.version is 'Counts the changes';
comment on column catalogue.updated_at is 'When prices last changed';

create function set_updated_at() returns trigger language plpgsql as $$
begin
  new.updated_at := clock_timestamp();
  return new;
end $$;
create trigger catalogue_updated before update on catalogue for each row execute function set_updated_at();
