-- A rotation walks the accounts by user, and asks for those of other keys: no index over keys answers that.

drop index openrouter_accounts_by_vault_key;

comment on function set_updated_at is 'Sets updated_at to the time of the change';
