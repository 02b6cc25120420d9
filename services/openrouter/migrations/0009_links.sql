-- Users on their way to OpenRouter's page and back: OAuth with PKCE instead of a key that is pasted.

create table openrouter_links (
  user_id text primary key check (length(user_id) between 1 and 255),
  state text not null check (length(state) = 43),
  vault_key_id text not null check (length(vault_key_id) between 1 and 32),
  sealed_verifier text not null check (sealed_verifier ~ '^gAAAA[A-Za-z0-9_-]+={0,2}$' and length(sealed_verifier) between 100 and 2000),
  expires_at timestamptz not null
);
comment on table openrouter_links is 'Who is on his way to OpenRouter''s page and back: one way each, gone as soon as it is used';
comment on column openrouter_links.user_id is 'Who goes; with another''s token the way does not end';
comment on column openrouter_links.state is 'Comes back with him, and says that he comes from this way';
comment on column openrouter_links.vault_key_id is 'Which of the vault''s keys encrypted the verifier';
comment on column openrouter_links.sealed_verifier is 'What OpenRouter wants beside the code, and its owner: a Fernet token';
comment on column openrouter_links.expires_at is 'OpenRouter takes its code no longer';
