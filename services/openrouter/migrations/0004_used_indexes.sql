-- A rotation of keys walks the accounts in the order of their users, and asks for no vault key by its name.

drop index openrouter_accounts_by_vault_key;

comment on function set_updated_at is 'Sets updated_at to the time of the change';
