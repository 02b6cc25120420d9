/** Whether a coupon may be redeemed, and what that awards. Pure. */
import { Fault } from "@tollbooth/shared/fault";
import { ZERO, type Money } from "@tollbooth/shared/money";

export type CouponType = "free_month" | "credit_bonus" | "percentage_discount" | "fixed_discount";

export interface Coupon {
  readonly id: string;
  readonly code: string;
  readonly type: CouponType;
  readonly value: Money;
  readonly description: string | null;
  /** Null: without limit. */
  readonly maxUses: number | null;
  readonly usedCount: number;
  /** Milliseconds since 1970, exclusive; null: never. */
  readonly expiresAt: number | null;
  readonly isActive: boolean;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Why a coupon may not be redeemed by one who has, or has not, redeemed it before; undefined where it may. */
export function refusal(coupon: Coupon, redeemedBefore: boolean, nowMs: number): Fault | undefined {
  if (redeemedBefore) return new Fault("already_redeemed", `${coupon.code} was redeemed by this user before`);
  if (!coupon.isActive) return new Fault("coupon_inactive", `${coupon.code} has been ended`);
  if (isExpired(coupon, nowMs)) return new Fault("coupon_expired", `${coupon.code} has expired`);
  if (coupon.maxUses !== null && coupon.usedCount >= coupon.maxUses) {
    return new Fault("coupon_exhausted", `${coupon.code} has been redeemed as often as it may be`);
  }
  return undefined;
}

/** Whether its time is over. */
export function isExpired({ expiresAt }: Coupon, nowMs: number): boolean {
  return expiresAt !== null && expiresAt <= nowMs;
}

/** The credits that a redemption awards at once. */
export function creditsAwarded({ type, value }: Coupon): Money {
  return type === "credit_bonus" ? value : ZERO;
}
