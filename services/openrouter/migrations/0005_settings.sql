-- How a user wants his requests to OpenRouter treated, where it is not as preset.

create table openrouter_settings (
  user_id text primary key check (length(user_id) between 1 and 255),
  auto_clamp boolean not null,
  fallback_to_credits boolean not null
);
comment on table openrouter_settings is 'How users want their requests to OpenRouter treated; who has no row has it as preset: both false';
comment on column openrouter_settings.user_id is 'Whose requests';
comment on column openrouter_settings.auto_clamp is 'An answer longer than he can pay for is asked for as long as he can, and not refused';
comment on column openrouter_settings.fallback_to_credits is 'Where OpenRouter does not serve his own key, his credits pay';
