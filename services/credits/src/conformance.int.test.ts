/** Scenarios that other systems' tests publish, of the families that need a real Postgres. */
import { afterAll, expect, test } from "vitest";
import { openDb } from "@tollbooth/shared/db";
import { breachesOf } from "@tollbooth/shared/law";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { laws } from "./laws.ts";
import { openPoster } from "./posting.ts";
import { twoPhase } from "./testing/case-phases.ts";
import { concurrency, idempotency } from "./testing/case-races.ts";
import { playAll, readCases } from "./testing/cases.ts";

const { db, url } = await testDatabase("credits");
const replicaDb = openDb({ url, name: "replica", poolMax: 4 });
afterAll(() => replicaDb.close());
// What a case grants is all there is.
await db.run(sql`update tiers set credits_monthly = 0 where tier = 'trial'`);
const posters = [db, replicaDb].map((each) => openPoster(each, { aheadMs: 0 }, () => {}));
const families = { two_phase: twoPhase(db), idempotency: idempotency(db), concurrency: concurrency(db, posters) };

const cases = readCases()?.filter(({ family }) => family in families);

test.skipIf(cases === undefined)(
  "every offered case of keys, races and two phases gives what it gives elsewhere",
  async () => {
    const { table, wrong, offered } = await playAll(cases ?? [], families);
    console.log(table);
    expect(wrong).toEqual([]);
    expect([...offered]).toEqual(expect.arrayContaining(Object.keys(families)));
  },
);

test.each(laws.map((law) => [law.says, law] as const))("after all of it %s", async (_, law) => {
  expect(await breachesOf(db, law)).toEqual([]);
});
