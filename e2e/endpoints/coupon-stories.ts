/** The routes of coupons, told like the others in stories.ts. */
import * as coupons from "@tollbooth/shared/contracts/coupons";
import { until } from "@tollbooth/shared/local/condition";
import { admin, newUser, somebody } from "../harness/person.ts";
import { BODY, NO_BODY, WHO, type Story } from "./story.ts";

/** Two coupons that whoever comes may redeem. */
const OPEN = await Promise.all(
  ["0.25", "0.50"].map(async (value) => {
    const { code } = await (await admin()).ok(coupons.createCoupon, { coupon_type: "credit_bonus", value });
    return { code };
  }),
);

/** Redeems a coupon that was made like this, after `before` was done with it. */
const redeemed =
  (made: object, before: (code: string) => Promise<unknown> = async () => {}) =>
  async () => {
    const { code } = await (
      await admin()
    ).ok(coupons.createCoupon, { coupon_type: "credit_bonus", value: "1", ...made });
    await before(code);
    return (await newUser()).refused(coupons.redeemCoupon, { code });
  };
const SOON_MS = 400;

/** Every route of coupons. */
export const couponStories: readonly Story[] = [
  {
    route: "POST /coupons/create",
    command: coupons.createCoupon,
    owner: "coupons",
    ...WHO.admins,
    inputs: [
      { coupon_type: "credit_bonus", value: "1" },
      { coupon_type: "free_month", value: "1", max_uses: 3 },
    ],
    bodyMaxBytes: 100_000,
    takesMetadata: false,
    refusals: {
      coupon_exists: async () => {
        const code = somebody("code");
        const root = await admin();
        await root.ok(coupons.createCoupon, { coupon_type: "credit_bonus", value: "1", code });
        return root.refused(coupons.createCoupon, {
          coupon_type: "credit_bonus",
          value: "2",
          code: code.toUpperCase(),
        });
      },
    },
  },
  {
    route: "POST /coupons/redeem",
    command: coupons.redeemCoupon,
    owner: "coupons",
    ...WHO.read,
    admin: [200, 200, 200],
    inputs: OPEN as [object, object],
    ...BODY,
    refusals: {
      not_found: async () => (await newUser()).refused(coupons.redeemCoupon, { code: somebody("code") }),
      already_redeemed: async () => {
        const user = await newUser();
        await user.ok(coupons.redeemCoupon, OPEN[0]);
        return user.refused(coupons.redeemCoupon, OPEN[0]);
      },
      coupon_exhausted: redeemed({ max_uses: 1 }, async (code) => (await newUser()).ok(coupons.redeemCoupon, { code })),
      coupon_expired: redeemed(
        {
          get expires_at() {
            return new Date(Date.now() + SOON_MS).toISOString();
          },
        },
        async (code) => {
          const root = await admin();
          await until(async () => (await root.ok(coupons.validateCoupon, { code })).reason === "coupon_expired", 5_000);
        },
      ),
      coupon_inactive: redeemed({}, async (code) => (await admin()).ok(coupons.deactivateCoupon, { code })),
    },
  },
  {
    route: "GET /coupons/validate/{code}",
    command: coupons.validateCoupon,
    owner: "coupons",
    ...WHO.read,
    inputs: [{}, {}],
    ...NO_BODY,
    ofAThing: true,
    refusals: {},
  },
  {
    route: "GET /coupons",
    command: coupons.listCoupons,
    owner: "coupons",
    ...WHO.admins,
    inputs: [{}, { limit: 5, active_only: true }],
    ...NO_BODY,
    refusals: {},
  },
  {
    route: "DELETE /coupons/{code}",
    command: coupons.deactivateCoupon,
    owner: "coupons",
    ...WHO.admins,
    inputs: [{}, {}],
    ...NO_BODY,
    ofAThing: true,
    refusals: {},
  },
];
