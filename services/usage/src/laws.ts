/** What must hold of the tables of usage; the audit and the tests try it. */
import type { Law } from "@tollbooth/shared/law";
import { sql, type Sql } from "@tollbooth/shared/sql";

/** Events that are kept are all of their hours and days; older sums have outlived theirs. */
const FIRST_KEPT = sql`select coalesce(min(date_trunc('month', occurred_at, 'UTC')), 'infinity') from usage_events`;

const EVENTS_BY_HOUR = sql`
  select user_id, date_trunc('hour', occurred_at, 'UTC') as bucket, service, coalesce(model, '') as model, is_free,
    count(*) as event_count, sum(tokens_used) as tokens, sum(total_cost) as total_cost, sum(charged) as charged
  from usage_events group by 1, 2, 3, 4, 5`;
const HOURS_BY_DAY = sql`
  select user_id, date_trunc('day', bucket, 'UTC') as bucket, service, model, is_free,
    sum(event_count) as event_count, sum(tokens) as tokens, sum(total_cost) as total_cost, sum(charged) as charged
  from usage_hours group by 1, 2, 3, 4, 5`;

export const laws: readonly Law[] = [
  {
    invariant: 4,
    says: "the sums of every hour are those of its events",
    breaches: unlike(sql`usage_hours`, EVENTS_BY_HOUR),
  },
  {
    invariant: 4,
    says: "the sums of every day are those of its hours",
    breaches: unlike(sql`usage_days`, HOURS_BY_DAY),
  },
  {
    invariant: 5,
    says: "no event without its identity",
    breaches: sql`
      select e.user_id || ': event ' || e.id as breach from usage_events e
      left join usage_event_ids i on (i.user_id, i.source, i.event_id) = (e.user_id, e.source, e.event_id) and i.id = e.id
      where i.id is null and e.created_at > now() - interval '99 days'`,
  },
  {
    invariant: 5,
    says: "no identity without its event",
    breaches: sql`
      select i.user_id || ': ' || i.source || ' ' || i.event_id as breach from usage_event_ids i
      left join usage_events e on (e.user_id, e.occurred_at, e.id) = (i.user_id, i.occurred_at, i.id)
      where i.outcome = 'recorded' and e.id is null and i.occurred_at >= (${FIRST_KEPT})`,
  },
  {
    invariant: 5,
    says: "nothing that is still to be told tells of no event",
    breaches: sql`
      select o.payload->>'user_id' || ': event ' || o.event_id as breach from outbox o
      left join usage_events e on e.user_id = o.payload->>'user_id' and e.occurred_at = (o.payload->>'occurred_at')::timestamptz and e.id = o.event_id
      where o.subject = 'usage.tracked' and (o.payload->>'occurred_at')::timestamptz >= (${FIRST_KEPT})
        and (e.id is null or e.charged <> (o.payload->>'charged')::numeric)`,
  },
];

function unlike(sums: Sql, parts: Sql): Sql {
  return sql`
    select coalesce(s.user_id, p.user_id) || ': ' || coalesce(s.bucket, p.bucket) || ' ' || coalesce(s.service, p.service) || ' ' || coalesce(s.model, p.model)
      || ' says ' || coalesce(s.event_count, 0) || ' events of ' || coalesce(s.total_cost, 0) || ', its parts ' || coalesce(p.event_count, 0) || ' of ' || coalesce(p.total_cost, 0) as breach
    from (select * from ${sums} where bucket >= (${FIRST_KEPT})) s
    full join (${parts}) p using (user_id, bucket, service, model, is_free)
    where (s.event_count, s.tokens, s.total_cost, s.charged) is distinct from (p.event_count, p.tokens, p.total_cost, p.charged)
      and coalesce(s.bucket, p.bucket) >= (${FIRST_KEPT})`;
}
