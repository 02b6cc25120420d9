import { setPrice } from "@tollbooth/shared/contracts/prices";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { expect, test } from "vitest";
import { z } from "zod";
import { retell } from "./retelling.store.ts";
import { admin, openUsage, service } from "./testing/service.ts";

const { db } = await testDatabase("usage");
const usage = await openUsage(db, "0.05");
const rates = [{ unit: "input_token" as const, price: "0.000000000001" }];
await usage.ask(setPrice, { service: "lab", model: "small", rates }, admin);

// prettier-ignore
const reports = [
  { name: "priced, with places to the last", more: { model: "small", input_tokens: 7 } },
  { name: "of a stated cost",                more: { cost: "0.333333333333" } },
  { name: "without a model",                 more: { provider_cost: "1" } },
  { name: "free, with what it would cost",   more: { model: "meta/llama:free", tokens: 100 } },
  { name: "paid by the user's own key",      more: { model: "small", provider_cost: "2", byok: true } },
  { name: "that settles a hold",             more: { cost: "1", hold_id: "request-1" } },
  { name: "of another time",                 more: { cost: "1", occurred_at: new Date(Date.now() - 86_400_001).toISOString() } },
];

test.each(reports)("an event $name is told again word for word", async ({ name, more }) => {
  const { id } = await usage.ask(trackUsage, { service: "lab", event_id: name, user_id: "ann", ...more }, service);
  const told = sql`select event_id, subject, headers - 'traceparent' as headers, payload from outbox where event_id = ${id}`;
  const first = await db.one(z.record(z.string(), z.unknown()), told);
  const key = await db.one(
    z.object({ user_id: z.string(), occurred_at: z.number(), id: z.string() }),
    sql`select user_id, occurred_at, id from usage_events where id = ${id}`,
  );
  expect(await retell(db, [key])).toEqual([]);
  await db.run(sql`delete from outbox where event_id = ${id}`);
  expect(await retell(db, [key])).toEqual([id]);
  expect(await db.one(z.record(z.string(), z.unknown()), told)).toEqual(first);
  expect(await retell(db, [key])).toEqual([]);
});
