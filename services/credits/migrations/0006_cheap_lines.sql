-- What a posted line costs: see docs/adr/0041.

-- The posting routine writes lines of accounts that it has locked, and the look that this constraint took for every line cost
-- two thirds of writing it. What it kept is kept by this trigger and by a law of the audit.
alter table credit_transactions drop constraint credit_transactions_user_id_fkey;
create trigger user_credits_kept before delete or truncate on user_credits for each statement execute function refuse_change();

-- An index over what is left of a lot made every draw from it write the index too: now only its end does.
alter table credit_lots add column open boolean not null generated always as (remaining > 0 or held > 0) stored;
drop index credit_lots_open;
create index credit_lots_open on credit_lots (user_id) where open;

comment on column credit_lots.open is 'Whether anything is left of it or held';
comment on function refuse_change is 'Refuses the change: the journal is append-only, and its accounts stay';
