import { describe, expect, test } from "vitest";
import { z } from "zod";
import { openDb } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { breachesOf } from "@tollbooth/shared/law";
import { decimal } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { addCoupon, readCoupons, type NewCoupon } from "./coupons.store.ts";
import { laws } from "./laws.ts";
import { openRedeemer, redeem } from "./redeeming.ts";

const { db, url } = await testDatabase("coupons");
const redeemer = openRedeemer(db, () => {});

let codes = 0;
async function coupon(more: Partial<NewCoupon> = {}): Promise<string> {
  const code = `CODE-${++codes}`;
  await addCoupon(db, {
    code,
    type: "credit_bonus",
    value: decimal("2.5"),
    description: null,
    maxUses: null,
    expiresAt: null,
    createdBy: "admin",
    ...more,
  });
  return code;
}
const all = <T>(n: number, make: (i: number) => Promise<T>) =>
  Promise.allSettled(Array.from({ length: n }, (_, i) => make(i)));
const codesOf = (results: readonly PromiseSettledResult<unknown>[]) =>
  results.map((result) => (result.status === "fulfilled" ? "ok" : Fault.from(result.reason).code));
const count = (list: readonly string[], what: string) => list.filter((each) => each === what).length;
const facts = async (code: string) =>
  (
    await db.one(
      z.object({ n: z.coerce.number() }),
      sql`select count(*) as n from outbox where payload->>'code' = ${code}`,
    )
  ).n;

describe("redeeming", () => {
  test("60 users at once on 10 uses, from two replicas, give 10 and 50 refusals, and 10 facts", async () => {
    const code = await coupon({ maxUses: 10 });
    const replicaDb = openDb({ url, name: "replica", poolMax: 4 });
    const replica = openRedeemer(replicaDb, () => {});
    const made = codesOf(
      await all(60, (i) => redeem(i % 2 === 0 ? redeemer : replica, { code, userId: `user-${i}`, metadata: {} })),
    );
    await replicaDb.close();
    expect([count(made, "ok"), count(made, "coupon_exhausted"), await facts(code)]).toEqual([10, 50, 10]);
  });

  test("one user 30 times at once gets one", async () => {
    const code = await coupon();
    const made = codesOf(await all(30, () => redeem(redeemer, { code, userId: "greedy", metadata: {} })));
    expect([count(made, "ok"), count(made, "already_redeemed"), await facts(code)]).toEqual([1, 29, 1]);
  });

  test("with one key 30 times at once answers the same bytes", async () => {
    const code = await coupon();
    const keyed = { callerId: "keyed", key: "rest:one", hash: "same" };
    const made = await Promise.all(
      Array.from({ length: 30 }, () => redeem(redeemer, { code, userId: "keyed", metadata: {}, keyed })),
    );
    expect([new Set(made.map(({ json }) => json)).size, made.filter(({ replayed }) => !replayed).length]).toEqual([
      1, 1,
    ]);
  });

  test("what is not there, ended or over is refused and leaves nothing", async () => {
    const [over, ended] = [await coupon({ expiresAt: Date.now() - 1 }), await coupon()];
    await db.run(sql`update coupon_codes set is_active = false where code = ${ended}`);
    const made = codesOf(
      await Promise.allSettled(
        ["NOWHERE", over, ended].map((code) => redeem(redeemer, { code, userId: "u", metadata: {} })),
      ),
    );
    expect(made).toEqual(["not_found", "coupon_expired", "coupon_inactive"]);
    expect(await facts(over)).toBe(0);
  });

  test("the database refuses a use too many, whatever the rules say", async () => {
    const code = await coupon({ maxUses: 1 });
    await expect(db.run(sql`update coupon_codes set used_count = 2 where code = ${code}`)).rejects.toThrow(
      /check constraint/,
    );
  });
});

test("pages of coupons are newest first, without gaps or repeats", async () => {
  for (let i = 0; i < 12; i++) await coupon();
  const seen: string[] = [];
  for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
    const { coupons, next } = await readCoupons(db, {
      activeOnly: false,
      limit: 5,
      offset: 0,
      ...(cursor !== undefined && { cursor }),
    });
    seen.push(...coupons.map(({ id }) => id));
    cursor = next;
  }
  expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => Number(b) - Number(a)));
  expect(seen.length).toBe(codes);
});

test.each(laws.map((law) => [law.says, law] as const))("after all of this %s", async (_, law) => {
  expect(await breachesOf(db, law)).toEqual([]);
});
