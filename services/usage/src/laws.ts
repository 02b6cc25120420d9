/** What must hold of usage's tables; the audit and the tests try it. */
import type { Law } from "@tollbooth/shared/law";
import { sql } from "@tollbooth/shared/sql";

/** Months whose events were dropped keep their sums, so events are compared from the first month that is there. */
const firstMonth = sql`(select coalesce(date_trunc('month', min(occurred_at), 'UTC'), 'infinity') from usage_events)`;

export const laws: readonly Law[] = [
  {
    invariant: 2,
    says: "every hour is the sum of its events",
    breaches: sql`
      with events as (
        select user_id, date_trunc('hour', occurred_at, 'UTC') as bucket, service, coalesce(model, '') as model, is_free,
          count(*) as event_count, sum(tokens_used) as tokens, sum(provider_cost) as provider_cost, sum(total_cost) as total_cost, sum(charged) as charged
        from usage_events group by 1, 2, 3, 4, 5
      ), hours as (select * from usage_hours where bucket >= ${firstMonth})
      select coalesce(e.user_id, h.user_id) || ': ' || coalesce(e.bucket, h.bucket) || ' ' || coalesce(e.service, h.service) as breach
      from events e full join hours h using (user_id, bucket, service, model, is_free)
      where (e.event_count, e.tokens, e.provider_cost, e.total_cost, e.charged)
        is distinct from (h.event_count, h.tokens, h.provider_cost, h.total_cost, h.charged)`,
  },
  {
    invariant: 2,
    says: "every day is the sum of its hours",
    breaches: sql`
      with hours as (
        select user_id, date_trunc('day', bucket, 'UTC') as bucket, service, model, is_free, sum(event_count) as event_count,
          sum(tokens) as tokens, sum(provider_cost) as provider_cost, sum(total_cost) as total_cost, sum(charged) as charged
        from usage_hours group by 1, 2, 3, 4, 5
      )
      select coalesce(h.user_id, d.user_id) || ': ' || coalesce(h.bucket, d.bucket) || ' ' || coalesce(h.service, d.service) as breach
      from hours h full join usage_days d using (user_id, bucket, service, model, is_free)
      where (h.event_count, h.tokens, h.provider_cost, h.total_cost, h.charged)
        is distinct from (d.event_count, d.tokens, d.provider_cost, d.total_cost, d.charged)`,
  },
  {
    invariant: 5,
    says: "every event has its identity, and every identity its event",
    breaches: sql`
      select coalesce(e.user_id, i.user_id) || ': ' || coalesce(e.source, i.source) || ' ' || coalesce(e.event_id, i.event_id) as breach
      from (select user_id, source, event_id, id from usage_events where created_at > now() - interval '99 days') e
      full join (select * from usage_event_ids where outcome = 'recorded' and recorded_at > now() - interval '99 days' and occurred_at >= ${firstMonth}) i
        on i.user_id = e.user_id and i.source = e.source and i.event_id = e.event_id and i.id = e.id
      where e.id is null or i.id is null`,
  },
];
