/** The SQL of period charges and discounts. */
import { z } from "zod";
import type { Tx } from "@tollbooth/shared/db";
import { MoneyText, print } from "@tollbooth/shared/money";
import { sql, table } from "@tollbooth/shared/sql";
import type { PeriodCharge } from "./account.ts";
import type { Change } from "./accounts.store.ts";
import type { Discount } from "./period.ts";

const DiscountRow = z.object({
  user_id: z.string(),
  id: z.string(),
  kind: z.enum(["free_month", "percentage", "fixed"]),
  value: MoneyText,
});

/** The discounts of these users that were not used yet, oldest first, by user. */
export async function readDiscounts(tx: Tx, userIds: readonly string[]): Promise<Map<string, Discount[]>> {
  const discounts = new Map<string, Discount[]>();
  if (userIds.length === 0) return discounts;
  const rows = await tx.many(
    DiscountRow,
    sql`select user_id, id, kind, value from discounts where user_id = any(${userIds}) and used_in is null order by user_id, added_at, id`,
  );
  for (const { user_id, ...discount } of rows) discounts.set(user_id, [...(discounts.get(user_id) ?? []), discount]);
  return discounts;
}

/** Writes prices that became due and marks the discounts that lowered them; those that were added in the batch are written first. */
export async function saveCharges(
  tx: Tx,
  changes: readonly Change[],
  charges: readonly { userId: string; charge: PeriodCharge }[],
): Promise<void> {
  await addDiscounts(tx, changes, charges);
  if (charges.length === 0) return;
  const rows = charges.map(({ userId, charge }) => ({
    user_id: userId,
    number: charge.number,
    why: charge.why,
    tier: charge.tier,
    period_start: charge.periodStart,
    price: print(charge.price),
    due: print(charge.due),
    at: charge.at,
  }));
  // prettier-ignore
  const columns = { user_id: "text", number: "int", why: "text", tier: "text", period_start: "bigint", price: "numeric", due: "numeric", at: "bigint" };
  await tx.run(
    sql`insert into period_charges (user_id, number, why, tier, period_start, price, due, at)
        select user_id, number, why, tier, to_timestamp(period_start / 1000.0), price, due, to_timestamp(at / 1000.0)
        from ${table(columns, rows)} as n (user_id, number, why, tier, period_start, price, due, at)`,
  );
  const used = charges.flatMap(({ userId, charge }) =>
    charge.used.map(({ id }) => ({ user_id: userId, id, number: charge.number })),
  );
  if (used.length === 0) return;
  await tx.run(
    sql`update discounts d set used_in = u.number from ${table({ user_id: "text", id: "text", number: "int" }, used)} as u (user_id, id, number)
        where d.user_id = u.user_id and d.id = u.id`,
  );
}

async function addDiscounts(
  tx: Tx,
  changes: readonly Change[],
  charges: readonly { userId: string; charge: PeriodCharge }[],
): Promise<void> {
  const used = new Map<string, Discount[]>();
  for (const { userId, charge } of charges) used.set(userId, [...(used.get(userId) ?? []), ...charge.used]);
  const rows = changes.flatMap(({ before, after }) => {
    const known = new Set(before.discounts);
    const all = [...after.discounts, ...(used.get(after.userId) ?? [])];
    return all
      .filter((discount) => !known.has(discount))
      .map(({ id, kind, value }) => ({ user_id: after.userId, id, kind, value: print(value) }));
  });
  if (rows.length === 0) return;
  const columns = { user_id: "text", id: "text", kind: "text", value: "numeric" };
  await tx.run(sql`insert into discounts (user_id, id, kind, value) select * from ${table(columns, rows)}`);
}
