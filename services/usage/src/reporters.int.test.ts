import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { expect, test } from "vitest";
import { z } from "zod";
import { admin, openUsage, plain, service } from "./testing/service.ts";

const { db } = await testDatabase("usage");
const usage = await openUsage(db);
const gpt = { service: "openai", model: "gpt-4o", input_tokens: 1000, output_tokens: 100 };

// prettier-ignore
test.each([
  { name: "a service names its application",        caller: service,              report: {},                  source: "litellm" },
  { name: "a service without one, its subject",     caller: { sub: "svc-1", roles: ["service"] as const }, report: {}, source: "svc-1" },
  { name: "or states its subject",                  caller: service,              report: { source: service.sub }, source: service.sub },
  { name: "an admin, his subject",                  caller: admin,                report: {},                  source: "root" },
  { name: "or the source he states",                caller: admin,                report: { source: "batch" }, source: "batch" },
  { name: "a plain user is one source",             caller: plain("bob"),         report: {},                  source: "user" },
])("the source of a report: $name", async ({ caller, report, source }) => {
  const event = await usage.ask(trackUsage, { ...gpt, ...report }, caller);
  const kept = await db.one(z.object({ source: z.string() }), sql`select source from usage_events where id = ${event.id}`);
  expect(kept.source).toBe(source);
});

// prettier-ignore
test.each([
  { name: "his own key",            caller: plain("carl"), report: { byok: true },         code: "forbidden" },
  { name: "a hold",                 caller: plain("carl"), report: { hold_id: "h" },       code: "forbidden" },
  { name: "a source",               caller: plain("carl"), report: { source: "litellm" },  code: "forbidden" },
  { name: "another user",           caller: plain("carl"), report: { user_id: "dora" },    code: "forbidden" },
  { name: "himself",                caller: plain("carl"), report: { user_id: "carl" },    code: "ok" },
  { name: "a provider's cost",      caller: plain("carl"), report: { provider_cost: "1" }, code: "ok" },
  { name: "users' source, a service", caller: service,     report: { source: "user" },     code: "forbidden" },
  { name: "another's source, a service", caller: service,  report: { source: "chat" },     code: "forbidden" },
  { name: "the same by its application's name", caller: { ...service, azp: "user" }, report: {}, code: "forbidden" },
])("who may state what: a plain user $name", async ({ caller, report, code }) => {
  expect(await usage.code(trackUsage, { ...gpt, ...report }, caller)).toBe(code);
});

test("that it was free is believed of a service, and checked of a user", async () => {
  const report = { ...gpt, is_free: true };
  const [said, believed, real] = await Promise.all([
    usage.ask(trackUsage, report, plain("erna")),
    usage.ask(trackUsage, report, service),
    usage.ask(
      trackUsage,
      { service: "openrouter", model: "meta-llama/llama-3.3-70b-instruct:free", tokens: 10 },
      plain("erna"),
    ),
  ]);
  expect([said, believed, real].map(({ is_free_tier }) => is_free_tier)).toEqual([false, true, true]);
  expect([said, believed, real].map(({ charged }) => charged.toFixed())).toEqual(["0.00385", "0", "0"]);
});
