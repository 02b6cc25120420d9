/** Examples of what the coupons service answers and tells. */
import * as coupons from "../coupons.ts";
import { ALICE, asked, NOW, told, type Examples } from "./example.ts";

const VALUE = { code: "WELCOME-10", coupon_type: "credit_bonus" as const, value: "10.000000000000" };
const COUPON = {
  ...VALUE,
  description: "for new users",
  max_uses: 2,
  used_count: 0,
  remaining_uses: 2,
  expires_at: null,
  is_active: true,
  is_expired: false,
  created_by: "admin",
  created_at: NOW,
  updated_at: NOW,
};
const REDEEMED = { ...VALUE, credits_awarded: "10.000000000000", redeemed_at: NOW };
const CODE = { code: "welcome-10" };

export const couponsExamples: Examples = {
  ...asked(
    coupons.createCoupon,
    { coupon_type: "credit_bonus", value: "10", code: "welcome-10", max_uses: 2, description: "for new users" },
    COUPON,
  ),
  ...asked(coupons.redeemCoupon, CODE, REDEEMED),
  ...asked(coupons.validateCoupon, CODE, { valid: true, coupon: { ...VALUE, expires_at: null } }),
  ...asked(coupons.listCoupons, { active_only: true, limit: 20 }, [COUPON]),
  ...asked(coupons.deactivateCoupon, CODE, { message: "WELCOME-10 can no longer be redeemed" }),
  ...asked(coupons.getCoupon, CODE, COUPON),
  ...asked(coupons.couponStats, CODE, {
    code: "WELCOME-10",
    redemptions: 1,
    credits_awarded: "10.000000000000",
    first_at: NOW,
    last_at: NOW,
  }),
  ...told(coupons.couponRedeemed, { id: "01a20318-05c1-7d32-a1c4-0c9f5b8e7a66", user_id: ALICE, ...REDEEMED }),
};
