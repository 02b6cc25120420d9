/** The SQL of explaining one event. */
import { printInstant } from "@tollbooth/shared/contract";
import type { explainUsage } from "@tollbooth/shared/contracts/explain";
import type { Tx } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { z } from "zod";

const EventRow = z.object({
  id: z.string(),
  source: z.string(),
  event_id: z.string(),
  service: z.string(),
  model: z.string().nullable(),
  occurred_at: z.number(),
  created_at: z.number(),
  input_tokens: z.coerce.number(),
  output_tokens: z.coerce.number(),
  cached_tokens: z.coerce.number(),
  cache_write_tokens: z.coerce.number(),
  reasoning_tokens: z.coerce.number(),
  split_assumed: z.boolean(),
  quantity: z.string().nullable(),
  unit: z.string().nullable(),
  basis: z.enum(["price", "cost", "provider_cost"]),
  price_id: z.string().nullable(),
  markup_class: z.string(),
  markup_rate: z.string(),
  provider_cost: z.string(),
  platform_markup: z.string(),
  total_cost: z.string(),
  charged: z.string(),
  is_free: z.boolean(),
  free_value: z.string(),
  byok: z.boolean(),
  hold_id: z.string().nullable(),
});

type Told = Omit<z.input<(typeof explainUsage)["output"]>, "price">;

/** One event as it was recorded, and the id of its price row; undefined where it is not there, or past its retention. */
export async function readEvent(
  tx: Tx,
  userId: string,
  id: string,
  occurredAt: number,
): Promise<{ event: Told; priceId: string | null } | undefined> {
  const row = await tx.maybe(
    EventRow,
    sql`select id, source, event_id, service, model, occurred_at, created_at, input_tokens, output_tokens, cached_tokens, cache_write_tokens,
          reasoning_tokens, split_assumed, quantity, unit, basis, price_id, markup_class, markup_rate, provider_cost, platform_markup,
          total_cost, charged, is_free, free_value, byok, hold_id
        from usage_events where user_id = ${userId} and occurred_at = ${new Date(occurredAt)} and id = ${id}`,
  );
  if (row === undefined) return undefined;
  const { price_id: priceId, occurred_at, created_at, ...rest } = row;
  const times = { occurred_at: printInstant(occurred_at), recorded_at: printInstant(created_at) };
  return { event: { ...rest, ...times }, priceId };
}
