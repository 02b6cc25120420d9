/** What the coupons service answers and publishes: codes that award credits or lower the next price due. */
import { z } from "zod";
import { command, event, Id, isSound, Instant, Moment, Metadata, OnUser, Page, Text } from "../contract.ts";
import { Amount, MoneyText } from "../money.ts";

const Whole = z.number().int();

export const CouponType = z.enum(["free_month", "credit_bonus", "percentage_discount", "fixed_discount"]);

/** A code as it may be given: any case, stored in upper case. */
const GivenCode = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{2,63}$/, "3 to 64 letters, digits, - and _, beginning with a letter or a digit")
  .meta({ maxLength: 64 })
  .transform((code) => code.toUpperCase());

/** A code as it may be asked for: whatever it is, it is looked up. */
const AskedCode = Id.transform((code) => code.toUpperCase()).describe("The coupon's code, in any case.");

export const CouponCode = z
  .object({
    code: z.string(),
    coupon_type: CouponType,
    value: MoneyText,
    description: z.string().nullable(),
    max_uses: Whole.nullable().describe("Null: unlimited."),
    used_count: Whole,
    remaining_uses: Whole.nullable(),
    expires_at: Moment.nullable(),
    is_active: z.boolean(),
    is_expired: z.boolean(),
    created_by: z.string(),
    created_at: Moment,
    updated_at: Moment,
  })
  .meta({ id: "CouponCode" });

export const createCoupon = command({
  subject: "coupons.create",
  summary: "Makes a coupon with a code of one's own, or a generated one",
  access: ["admin"],
  http: { method: "post", path: "/coupons/create" },
  input: z
    .strictObject({
      coupon_type: CouponType,
      value: Amount.describe(
        "Credits of a bonus or a fixed discount, percent of a percentage; of a free month it says nothing.",
      ),
      code: GivenCode.optional(),
      prefix: z
        .string()
        .regex(/^[A-Za-z0-9]{1,16}$/, "1 to 16 letters and digits")
        .meta({ maxLength: 16 })
        .optional(),
      description: Text(500).optional(),
      max_uses: Whole.min(1).max(1_000_000_000).optional(),
      expires_at: Instant.optional(),
    })
    .refine(({ coupon_type: type, value }) => type !== "percentage_discount" || value.lte(100), {
      path: ["value"],
      message: "a percentage is at most 100",
      when: isSound,
    })
    .refine(({ code, prefix }) => code === undefined || prefix === undefined, {
      path: ["prefix"],
      message: "a prefix is for generated codes: give code or prefix",
    }),
  output: CouponCode,
  faults: ["coupon_exists", "idempotency_conflict", "idempotency_key_expired"],
});

export const redeemCoupon = command({
  subject: "coupons.redeem",
  summary: "Redeems a coupon, once a user; what it awards arrives at once or shortly after",
  access: ["user"],
  http: { method: "post", path: "/coupons/redeem" },
  input: z.strictObject({ ...OnUser, code: AskedCode, metadata: Metadata.optional() }),
  output: z.object({
    code: z.string(),
    coupon_type: CouponType,
    value: MoneyText,
    credits_awarded: MoneyText,
    redeemed_at: Moment,
  }),
  faults: [
    "not_found",
    "already_redeemed",
    "coupon_exhausted",
    "coupon_expired",
    "coupon_inactive",
    "idempotency_conflict",
    "idempotency_key_expired",
  ],
  guessable: true,
});

export const validateCoupon = command({
  subject: "coupons.validate",
  summary: "Whether the one who asks could redeem a coupon now; consumes nothing",
  access: ["user"],
  http: { method: "get", path: "/coupons/validate/{code}" },
  input: z.strictObject({ ...OnUser, code: AskedCode }),
  output: z.object({
    valid: z.boolean(),
    reason: z.string().optional(),
    coupon: z
      .object({ code: z.string(), coupon_type: CouponType, value: MoneyText, expires_at: Moment.nullable() })
      .optional(),
  }),
  faults: ["not_found"],
  guessable: true,
});

export const listCoupons = command({
  subject: "coupons.list",
  summary: "The coupons, newest first",
  access: ["admin"],
  http: { method: "get", path: "/coupons" },
  input: z.strictObject({
    active_only: z
      .union([z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")], { error: "true or false" })
      .default(false)
      .meta({ description: "Only coupons that can still be redeemed.", wire: { type: "boolean", default: false } }),
    ...Page(100),
  }),
  output: z.array(CouponCode),
  faults: [],
});

export const deactivateCoupon = command({
  subject: "coupons.deactivate",
  summary: "Ends a coupon; what was redeemed stays",
  access: ["admin"],
  http: { method: "delete", path: "/coupons/{code}" },
  input: z.strictObject({ code: AskedCode }),
  output: z.object({ message: z.string() }),
  faults: ["not_found"],
});

export const getCoupon = command({
  subject: "coupons.get",
  summary: "One coupon",
  access: ["service"],
  input: z.strictObject({ code: AskedCode }),
  output: CouponCode,
  faults: ["not_found"],
});

export const couponStats = command({
  subject: "coupons.stats",
  summary: "What became of a coupon: redemptions and the credits they awarded",
  access: ["service"],
  input: z.strictObject({ code: AskedCode }),
  output: z.object({
    code: z.string(),
    redemptions: Whole,
    credits_awarded: MoneyText,
    first_at: Moment.nullable(),
    last_at: Moment.nullable(),
  }),
  faults: ["not_found"],
});

/** A user redeemed a coupon; whoever holds his credits awards it once. */
export const couponRedeemed = event({
  subject: "coupon.redeemed",
  summary: "A user redeemed a coupon",
  data: z.object({
    id: z.uuid().describe("The redemption = the outbox row's id = the message's id = the consumer's key."),
    user_id: z.string(),
    code: z.string(),
    coupon_type: CouponType,
    value: MoneyText,
    credits_awarded: MoneyText.describe(
      "The credits that a bonus awards; 0 of the others, which lower the next price due.",
    ),
    redeemed_at: Moment,
  }),
});
