-- Which list of prices was taken over last: a service that comes with the same one need not look at it again.

alter table catalogue add column listed text;
comment on column catalogue.listed is 'The sum of the list that was taken over last; null before any was';
comment on column catalogue.updated_at is 'When prices last changed, or another list was taken over';
