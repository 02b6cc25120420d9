import { expect, test } from "vitest";
import { z } from "zod";
import { decimal } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { addCoupon } from "./coupons.store.ts";
import type { CouponType } from "./redemption.ts";
import { openRedeemer, redeem } from "./redeeming.ts";
import { retell } from "./retelling.store.ts";

const { db } = await testDatabase("coupons");
const redeemer = openRedeemer(db, () => {});

// prettier-ignore
const coupons: { type: CouponType; value: string }[] = [
  { type: "credit_bonus",        value: "2.500000000001" },
  { type: "free_month",          value: "1" },
  { type: "percentage_discount", value: "33.3" },
  { type: "fixed_discount",      value: "5" },
];

test.each(coupons)("a redemption of a $type is told again word for word", async ({ type, value }) => {
  const code = type.toUpperCase();
  const rest = { description: null, maxUses: null, expiresAt: null, createdBy: "admin" };
  await addCoupon(db, { code, type, value: decimal(value), ...rest });
  await redeem(redeemer, { code, userId: "ann", metadata: {} });
  const told = sql`select event_id, subject, headers, payload from outbox where payload->>'code' = ${code}`;
  const row = z.object({ event_id: z.string(), subject: z.string(), headers: z.unknown(), payload: z.unknown() });
  const first = await db.one(row, told);
  expect(await retell(db, [first.event_id])).toEqual([]);
  await db.run(sql`delete from outbox where event_id = ${first.event_id}`);
  expect(await retell(db, [first.event_id])).toEqual([first.event_id]);
  expect(await db.one(row, told)).toEqual(first);
});
