import { expect, test } from "vitest";
import { createOpenRouterAccount, routeChat } from "@tollbooth/shared/contracts/openrouter";
import { breachesOf } from "@tollbooth/shared/law";
import { sql, type Sql } from "@tollbooth/shared/sql";
import { laws } from "./laws.ts";
import { sweep } from "./sweeping.ts";
import { newKey, openOpenRouter, plain, SERVICE } from "./testing/service.ts";
import { pretendUsage } from "./testing/usage.ts";

const service = await openOpenRouter();
const { db, bus, metering } = service;
await pretendUsage(bus);
await service.ask(createOpenRouterAccount, { api_key: newKey() }, plain("ann"));
const chat = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "Hello" }] };
await service.ask(routeChat, { user_id: "ann", request_id: "r1", chat }, SERVICE);
await sweep(metering);

test.each(laws.map((law) => [law.says, law] as const))("of what was done %s", async (_, law) => {
  expect(await breachesOf(db, law)).toEqual([]);
});

// prettier-ignore
const harms: { law: string; harm: Sql }[] = [
  { law: "what requests used was told to usage within 45 s",                    harm: sql`update routed_requests set state = 'answered', recorded_at = null, answered_at = now() - interval '1 minute' where report is not null` },
  { law: "a request in a process's hands, or refused, goes on within 45 s",     harm: sql`update routed_requests set state = 'sent', recorded_at = null, report = null, next_at = now() - interval '1 minute'` },
];

test.each(harms)("a breach is found: $law", async ({ law: says, harm }) => {
  const law = laws.find((each) => each.says === says) as (typeof laws)[number];
  let found: string[] = [];
  const undone = db.tx(async (tx) => {
    expect(await tx.run(harm)).toBeGreaterThan(0);
    found = await breachesOf(tx, law);
    throw new Error("undo");
  });
  await expect(undone).rejects.toThrow("undo");
  expect(found.length).toBeGreaterThan(0);
});

test("each law has a harm that breaks it", () => {
  expect(harms.map(({ law }) => law)).toEqual(laws.map(({ says }) => says));
});
