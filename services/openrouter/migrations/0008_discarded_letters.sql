-- A dead letter that can never be applied is put away by an operator; it stays, with his name and his reason.
alter table dead_letters
  add column discarded_at timestamptz,
  add column discarded_by text,
  add column discarded_for text,
  add check (num_nulls(discarded_at, discarded_by, discarded_for) in (0, 3)),
  add check (discarded_at is null or redriven_at is null);
comment on column dead_letters.discarded_at is 'When it was put away for good';
comment on column dead_letters.discarded_by is 'By whom';
comment on column dead_letters.discarded_for is 'Why';
