/** Coupons that were redeemed become credits or discounts: one `coupon.redeemed` event, one award. */
import { couponRedeemed } from "@tollbooth/shared/contracts/coupons";
import type { Reply } from "@tollbooth/shared/handler";
import type { Command } from "./command.ts";
import { submit, type Poster } from "./posting.ts";

const DISCOUNTS = { free_month: "free_month", percentage_discount: "percentage", fixed_discount: "fixed" } as const;

/** Posts the award of an event, once. Resolves when it is committed; throws on an event that cannot be read. */
export async function postAward(poster: Poster, data: unknown): Promise<Reply> {
  const { id, user_id: userId, code, coupon_type: type, value } = couponRedeemed.data.parse(data);
  const award: Command =
    type === "credit_bonus"
      ? {
          kind: "grant",
          lotKind: "bonus",
          amount: value,
          reason: `coupon ${code}`,
          actor: { sub: "coupons", role: "service" },
          key: `event:${id}`,
        }
      : { kind: "discount", discount: { id, kind: DISCOUNTS[type], value } };
  return submit(poster, { userId, eventId: id, command: award });
}
