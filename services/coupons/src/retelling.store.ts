/** Facts told once more, made of nothing but the redemptions: for an operator whose audit misses their award. */
import { printInstant } from "@tollbooth/shared/contract";
import { CouponType, couponRedeemed } from "@tollbooth/shared/contracts/coupons";
import type { Tx } from "@tollbooth/shared/db";
import { enqueue } from "@tollbooth/shared/outbox";
import { sql } from "@tollbooth/shared/sql";
import { z } from "zod";

const RedemptionRow = z.object({
  id: z.string(),
  user_id: z.string(),
  code: z.string(),
  coupon_type: CouponType,
  value: z.string(),
  credits_awarded: z.string(),
  redeemed_at: z.number().transform(printInstant),
});

/**
 * Tells of these redemptions again, as it was told when they were made: with the same ids, so that whoever knows one does
 * nothing. Leaves out those that wait to be told anyway. Answers the ids of the others.
 */
export async function retell(tx: Tx, ids: readonly string[]): Promise<string[]> {
  const redemptions = await tx.many(
    RedemptionRow,
    sql`select r.id, r.user_id, r.code, c.coupon_type, c.value, r.credits_awarded, r.redeemed_at
        from coupon_redemptions r join coupon_codes c using (code)
        where r.id = any(${ids}::uuid[]) and not exists (select from outbox o where o.event_id = r.id) order by r.id`,
  );
  await enqueue(
    tx,
    couponRedeemed,
    redemptions.map((data) => ({ id: data.id, data })),
  );
  return redemptions.map(({ id }) => id);
}
