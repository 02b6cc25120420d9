-- Users' own OpenRouter keys: encrypted, one a user.

create function set_updated_at() returns trigger language plpgsql as $$
begin
  new.updated_at := clock_timestamp();
  return new;
end $$;
comment on function set_updated_at is 'Sets updated_at to the time of the change';

create table openrouter_accounts (
  user_id text primary key check (length(user_id) between 1 and 255),
  connection_id uuid not null,
  email text check (length(email) between 3 and 254),
  account_id text check (length(account_id) between 1 and 255),
  vault_key_id text not null check (length(vault_key_id) between 1 and 32),
  -- Only what looks like a Fernet token: a key that was not encrypted by mistake is refused here.
  sealed_key text not null check (sealed_key ~ '^gAAAA[A-Za-z0-9_-]+={0,2}$' and length(sealed_key) between 100 and 2000),
  key_hint text not null check (length(key_hint) = 4),
  free_credits_remaining numeric(28, 12),
  is_active boolean not null default true,
  last_synced timestamptz not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  check (last_synced >= created_at)
) with (fillfactor = 80);
create trigger openrouter_accounts_updated before update on openrouter_accounts for each row execute function set_updated_at();
comment on table openrouter_accounts is 'Users'' own OpenRouter keys, one each';
comment on column openrouter_accounts.user_id is 'Whose key it is; the encrypted text names him too, so that a row''s key cannot pass for another''s';
comment on column openrouter_accounts.connection_id is 'Another one for every key: what was asked of OpenRouter with the key before changes nothing of this one';
comment on column openrouter_accounts.email is 'As the user gave it';
comment on column openrouter_accounts.account_id is 'OpenRouter''s own name of whoever made the key; null: it did not tell';
comment on column openrouter_accounts.vault_key_id is 'Which of the vault''s keys encrypted it';
comment on column openrouter_accounts.sealed_key is 'The key and its owner, a Fernet token';
comment on column openrouter_accounts.key_hint is 'The last four characters of the key, for people';
comment on column openrouter_accounts.free_credits_remaining is 'What the key may still spend, from OpenRouter; null: not known';
comment on column openrouter_accounts.is_active is 'False: OpenRouter no longer takes the key';
comment on column openrouter_accounts.last_synced is 'When OpenRouter was last asked about it';
comment on column openrouter_accounts.created_at is 'When the user first connected';
comment on column openrouter_accounts.updated_at is 'When the row last changed';
