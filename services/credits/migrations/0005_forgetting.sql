-- Inbox rows are forgotten after 100 days: found by their age, which is the order in which they were written.

create index inbox_age on inbox using brin (processed_at);

comment on function set_updated_at is 'Sets updated_at to the time of the change, unless the change says another one';
comment on function refuse_change is 'Refuses the change: the journal is append-only';
