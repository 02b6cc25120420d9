-- Each row of the outbox is written, changed and deleted within a second: what is dead of it is swept when it is worth a
-- page walk, not when it is a share of a table that is empty when all is well.
alter table outbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_limit = 2000);

-- A row for each user, changed with each of his lines.
alter table user_credits set (autovacuum_vacuum_scale_factor = 0.02);
alter table credit_lots set (autovacuum_vacuum_scale_factor = 0.02);
