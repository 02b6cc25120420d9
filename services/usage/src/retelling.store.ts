/** Facts told once more, made of nothing but the events that are kept: for an operator whose audit misses their effect. */
import { printInstant } from "@tollbooth/shared/contract";
import { usageTracked } from "@tollbooth/shared/contracts/usage";
import type { Tx } from "@tollbooth/shared/db";
import { enqueue } from "@tollbooth/shared/outbox";
import { sql, table } from "@tollbooth/shared/sql";
import { z } from "zod";

/** What finds an event. */
export interface EventKey {
  readonly user_id: string;
  readonly occurred_at: number;
  readonly id: string;
}

const EventRow = z.object({
  id: z.string(),
  source: z.string(),
  event_id: z.string(),
  user_id: z.string(),
  service: z.string(),
  model: z.string().nullable(),
  charged: z.string(),
  provider_cost: z.string(),
  platform_markup: z.string(),
  total_cost: z.string(),
  is_free: z.boolean(),
  free_value: z.string(),
  hold_id: z.string().nullable(),
  occurred_at: z.number(),
});

/**
 * Tells of these events again, as it was told when they were recorded: with the same ids, so that whoever knows one does
 * nothing. Leaves out those that wait to be told anyway. Answers the ids of the others.
 */
export async function retell(tx: Tx, keys: readonly EventKey[]): Promise<string[]> {
  const wanted = keys.map((key) => ({ ...key, occurred_at: new Date(key.occurred_at) }));
  const columns = { user_id: "text", occurred_at: "timestamptz", id: "uuid" };
  const events = await tx.many(
    EventRow,
    sql`select e.id, e.source, e.event_id, e.user_id, e.service, e.model, e.charged, e.provider_cost, e.platform_markup, e.total_cost,
          e.is_free, e.free_value, e.hold_id, e.occurred_at
        from ${table(columns, wanted)} as k (user_id, occurred_at, id)
        join usage_events e on (e.user_id, e.occurred_at, e.id) = (k.user_id, k.occurred_at, k.id)
        where not exists (select from outbox o where o.event_id = e.id) order by e.user_id, e.occurred_at, e.id`,
  );
  await enqueue(
    tx,
    usageTracked,
    events.map((event) => ({ id: event.id, data: factOfRow(event) })),
  );
  return events.map(({ id }) => id);
}

function factOfRow(row: z.output<typeof EventRow>): z.input<(typeof usageTracked)["data"]> {
  const { event_id, provider_cost, platform_markup, total_cost, occurred_at, ...same } = row;
  return {
    ...same,
    source_event_id: event_id,
    cost_breakdown: { provider_cost, markup: platform_markup, total: total_cost },
    occurred_at: printInstant(occurred_at),
  };
}
