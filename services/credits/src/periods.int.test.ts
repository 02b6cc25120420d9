import { describe, expect, test } from "vitest";
import { z } from "zod";
import { openDb } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { breachesOf } from "@tollbooth/shared/law";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { laws } from "./laws.ts";
import { openPoster, submit, type Poster } from "./posting.ts";
import { settleDue } from "./settling.ts";
import {
  charge,
  DAY_MS,
  deduct,
  discount,
  grant,
  hold,
  refund,
  release,
  settle,
  switchTo,
  TIERS,
} from "./testing/commands.ts";

const { db, url } = await testDatabase("credits");
const poster = openPoster(db, { aheadMs: 0 }, () => {});
const ahead = (days: number) => openPoster(db, { aheadMs: days * DAY_MS }, () => {});

let users = 0;
const someone = () => `user-${++users}`;
const all = <T>(n: number, make: (i: number) => Promise<T>) =>
  Promise.allSettled(Array.from({ length: n }, (_, i) => make(i)));
const codes = (results: readonly PromiseSettledResult<unknown>[]) =>
  results.map((result) => (result.status === "fulfilled" ? "ok" : Fault.from(result.reason).code));
const count = (list: readonly string[], what: string) => list.filter((each) => each === what).length;
const Row = z.object({ balance: z.string(), held: z.string(), tier: z.string() });
const account = (userId: string) =>
  db.one(Row, sql`select balance, held, tier from user_credits where user_id = ${userId}`);
const Line = z.object({ id: z.string(), type: z.string(), amount: z.string() });
const lines = (userId: string) =>
  db.many(
    Line,
    sql`select id, transaction_type as type, trim_scale(amount)::text as amount from credit_transactions where user_id = ${userId} order by seq`,
  );
const dues = (userId: string) =>
  db.many(
    z.object({ due: z.string() }),
    sql`select why || ' ' || tier || ' ' || trim_scale(due) as due from period_charges where user_id = ${userId} order by number`,
  );

describe("holds", () => {
  test("200 at once of a user who can afford 50 give 50, from two replicas, and each ends once", async () => {
    const userId = someone();
    await submit(poster, { userId, command: grant("45") });
    const replicaDb = openDb({ url, name: "replica", poolMax: 4 });
    const replica = openPoster(replicaDb, { aheadMs: 0 }, () => {});
    const either = (i: number): Poster => (i % 2 === 0 ? poster : replica);
    const made = codes(await all(200, (i) => submit(either(i), { userId, command: hold(`h${i}`, "1") })));
    expect([count(made, "ok"), count(made, "insufficient_credits")]).toEqual([50, 150]);
    expect(await account(userId)).toMatchObject({ balance: "50.000000000000", held: "50.000000000000" });

    const mine = made.flatMap((code, i) => (code === "ok" ? [`h${i}`] : []));
    const ends = codes(
      await all(100, (i) => {
        const holdId = mine[i % 50] as string;
        return submit(either(i), {
          userId,
          command: i < 50 && i % 2 === 0 ? charge("0.5", { holdId }) : release(holdId),
        });
      }),
    );
    await replicaDb.close();
    expect(count(ends, "hold_ended")).toBe(50);
    expect(await account(userId)).toMatchObject({ balance: "37.500000000000", held: "0.000000000000" });
  });

  test("that nobody ends are given back by the job when their time is over", async () => {
    const userId = someone();
    await submit(poster, { userId, command: hold("h", "5", 1) });
    await settleDue(db, { aheadMs: 2 * DAY_MS }, ahead(2), new AbortController().signal);
    expect(await account(userId)).toMatchObject({ balance: "5.000000000000", held: "0.000000000000" });
  });
});

describe("refunds", () => {
  test("30 at once of one line give back the line and no more", async () => {
    const userId = someone();
    await submit(poster, { userId, command: deduct("3") });
    const { id } = (await lines(userId)).at(-1) as { id: string };
    const made = codes(
      await all(30, () => submit(poster, { userId, command: { ...refund("0.25"), transactionId: id } })),
    );
    expect([count(made, "ok"), count(made, "invalid_request")]).toEqual([12, 18]);
    expect(await account(userId)).toMatchObject({ balance: "5.000000000000" });
  });

  test("of another user's line are not found", async () => {
    const [owner, other] = [someone(), someone()];
    await submit(poster, { userId: owner, command: deduct("1") });
    const { id } = (await lines(owner)).at(-1) as { id: string };
    expect(
      codes(await all(1, () => submit(poster, { userId: other, command: { ...refund("1"), transactionId: id } }))),
    ).toEqual(["not_found"]);
  });

  test("restore the very lots of a line, spent ones too", async () => {
    const userId = someone();
    await submit(poster, { userId, command: grant("3") });
    const lots = () =>
      db.many(
        z.object({ lot: z.string() }),
        sql`select lot || ' ' || remaining as lot from credit_lots where user_id = ${userId} order by lot`,
      );
    const before = await lots();
    await submit(poster, { userId, command: deduct("7") });
    const { id } = (await lines(userId)).at(-1) as { id: string };
    await submit(poster, { userId, command: { ...refund("7"), transactionId: id } });
    expect(await lots()).toEqual(before);
  });
});

describe("periods", () => {
  test("20 switches at once end at professional with exactly 60 granted", async () => {
    const userId = someone();
    const made = codes(await all(20, () => submit(poster, { userId, command: switchTo(TIERS.professional) })));
    expect(count(made, "ok")).toBe(20);
    expect(await account(userId)).toEqual({ balance: "60.000000000000", held: "0.000000000000", tier: "professional" });
    expect((await dues(userId)).map(({ due }) => due)).toEqual(["period trial 4", "switch professional 45"]);
  });

  test("toggling a hundred times earns nothing", async () => {
    const userId = someone();
    for (let i = 0; i < 100; i++)
      await submit(poster, { userId, command: switchTo(i % 2 === 0 ? TIERS.professional : TIERS.trial) });
    expect(await account(userId)).toMatchObject({ balance: "60.000000000000", tier: "professional" });
  });

  test("discounts lower the next price once, and are marked by what they lowered", async () => {
    const userId = someone();
    await submit(poster, { userId, command: settle });
    await all(2, (i) =>
      submit(poster, { userId, command: i === 0 ? discount("percentage", "50") : discount("fixed", "1.5") }),
    );
    await submit(poster, { userId, command: switchTo(TIERS.starter) });
    await submit(poster, { userId, command: discount("free_month") });
    await submit(ahead(32), { userId, command: settle });
    expect((await dues(userId)).map(({ due }) => due)).toEqual([
      "period trial 4",
      "switch starter 6",
      "period starter 0",
    ]);
    const used = await db.many(
      z.object({ used_in: z.number().nullable() }),
      sql`select used_in from discounts where user_id = ${userId} order by kind`,
    );
    expect(used.map(({ used_in }) => used_in)).toEqual([2, 3, 2]);
  });

  test("a year that nobody looked is caught up, a reset a month", async () => {
    const userId = someone();
    await submit(poster, { userId, command: settle });
    await submit(ahead(366), { userId, command: settle });
    const resets = (await lines(userId)).filter(({ type }) => type === "monthly_reset");
    expect([resets.length, (await account(userId)).balance]).toEqual([12, "5.000000000000"]);
  });

  test("1,000 users due at once are each reset once by two replicas of the job", async () => {
    const ids = Array.from({ length: 1000 }, () => someone());
    await Promise.all(ids.map((userId) => submit(poster, { userId, command: settle })));
    const replicaDb = openDb({ url, name: "replica", poolMax: 4 });
    const clock = { aheadMs: 32 * DAY_MS };
    const jobs = [
      { on: db, with: openPoster(db, clock, () => {}) },
      { on: replicaDb, with: openPoster(replicaDb, clock, () => {}) },
    ];
    const startMs = performance.now();
    await Promise.all(jobs.map((job) => settleDue(job.on, clock, job.with, new AbortController().signal)));
    console.log(`1,000 resets by two replicas took ${((performance.now() - startMs) / 1000).toFixed(2)} s`);
    await replicaDb.close();
    const { resets, most } = await db.one(
      z.object({ resets: z.coerce.number(), most: z.coerce.number() }),
      sql`select sum(n) as resets, max(n) as most from (
            select count(*) as n from credit_transactions where user_id = any(${ids}) and transaction_type = 'monthly_reset' group by user_id) r`,
    );
    expect([resets, most]).toEqual([1000, 1]);
  });
});

test.each(laws.map((law) => [law.says, law] as const))("after all of this %s", async (_, law) => {
  expect(await breachesOf(db, law)).toEqual([]);
});
