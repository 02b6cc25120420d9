import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { breachesOf } from "@tollbooth/shared/law";
import { sql, type Sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { expect, test } from "vitest";
import { laws } from "./laws.ts";
import { breaches, openUsage, plain } from "./testing/service.ts";

const { db } = await testDatabase("usage");
const usage = await openUsage(db);
for (let i = 0; i < 3; i++)
  await usage.ask(
    trackUsage,
    { service: "chat", model: `m${i}`, cost: "1", tokens: 10, event_id: `e${i}` },
    plain("ann"),
  );

test("all laws hold of what was recorded", async () => {
  expect(await breaches(db)).toEqual([]);
});

// prettier-ignore
const harms: { law: string; harm: Sql }[] = [
  { law: "the sums of every hour are those of its events",           harm: sql`update usage_hours set charged = charged + 0.000000000001 where model = 'm0'` },
  { law: "the sums of every day are those of its hours",             harm: sql`delete from usage_days where model = 'm1'` },
  { law: "no event without its identity",                            harm: sql`delete from usage_event_ids where event_id = 'e0'` },
  { law: "no identity without its event",                            harm: sql`delete from usage_events where event_id = 'e1'` },
  { law: "nothing that is still to be told tells of no event",       harm: sql`update outbox set payload = payload || '{"charged": "2.000000000000"}' where payload->>'source_event_id' = 'e2'` },
];

test.each(harms)("a breach is found: $law", async ({ law: says, harm }) => {
  const law = laws.find((each) => each.says === says);
  let found: string[] = [];
  await db
    .tx(async (tx) => {
      expect(await tx.run(harm)).toBeGreaterThan(0);
      found = await breachesOf(tx, law as NonNullable<typeof law>);
      throw new Error("undo");
    })
    .catch((error: Error) => expect(error.message).toBe("undo"));
  expect(found.length).toBeGreaterThan(0);
});

test("each law has a harm that breaks it", () => {
  expect(harms.map(({ law }) => law)).toEqual(laws.map(({ says }) => says));
});
