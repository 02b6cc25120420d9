/**
 * The routes as the product's contract lists them, written out by hand: who may ask what about whom, good requests, and
 * how to bring about each refusal that is documented. A route that is mounted and not told of here fails its walk.
 */
import * as coupons from "@tollbooth/shared/contracts/coupons";
import * as credits from "@tollbooth/shared/contracts/credits";
import * as tiers from "@tollbooth/shared/contracts/tiers";
import * as usage from "@tollbooth/shared/contracts/usage";
import type { Command } from "@tollbooth/shared/contract";
import { until } from "@tollbooth/shared/local/condition";
import type { Problem } from "../harness/answer.ts";
import { admin, newUser, somebody } from "../harness/person.ts";

/** What is answered to one who acts on himself, on somebody known, on somebody unknown. */
type About = readonly [himself: number, known: number, unknown: number];

export interface Story {
  readonly route: string;
  readonly command: Command;
  readonly owner: "credits" | "usage" | "coupons";
  readonly nobody: number;
  readonly user: About;
  readonly service: About;
  readonly admin: About;
  /** Two different requests that are good, whomever they act on. */
  readonly inputs: readonly [object, object];
  readonly bodyMaxBytes: number;
  readonly takesMetadata: boolean;
  /** Its path names a thing that has to be made first: it is told in a file of its own. */
  readonly ofAThing?: true;
  /** Brings about each refusal of its own; those of keys are the same for every POST and tried by the walk. */
  readonly refusals: Readonly<Record<string, () => Promise<Problem>>>;
}

const PERIOD = [{}, { start_date: "2026-01-01" }] as const;
const USE = { service: "chat", cost: "0.01" };
const NO_BODY = { bodyMaxBytes: 0, takesMetadata: false };
const BODY = { bodyMaxBytes: 100_000, takesMetadata: true };

/** Somebody else whom nobody has ever seen. */
const ofNobody = (command: Command) => async () => (await admin()).refused(command, { user_id: somebody() });

// prettier-ignore
const WHO = {
  /** A user's own, which an admin may read of those who are there. */
  read:    { nobody: 401, user: [200, 403, 403], service: [403, 403, 403], admin: [200, 200, 404] },
  /** A write for an admin alone: it provisions. */
  admin:   { nobody: 401, user: [403, 403, 403], service: [403, 403, 403], admin: [200, 200, 200] },
  service: { nobody: 401, user: [403, 403, 403], service: [200, 200, 200], admin: [200, 200, 200] },
  report:  { nobody: 401, user: [200, 403, 403], service: [200, 200, 200], admin: [200, 200, 200] },
  /** Admins; there is nobody to act on. */
  admins:  { nobody: 401, user: [403, 403, 403], service: [403, 403, 403], admin: [200, 422, 422] },
  /** Anybody; there is nobody to act on. */
  public:  { nobody: 200, user: [200, 422, 422], service: [200, 422, 422], admin: [200, 422, 422] },
} satisfies Record<string, Pick<Story, "nobody" | "user" | "service" | "admin">>;

function usageRead(name: string, command: Command, inputs: Story["inputs"] = PERIOD): Story {
  const refusals = { not_found: ofNobody(command) };
  return { route: `GET /usage/${name}`, command, owner: "usage", ...WHO.read, inputs, ...NO_BODY, refusals };
}

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

export const stories: readonly Story[] = [
  {
    route: "GET /balance",
    command: credits.getBalance,
    owner: "credits",
    ...WHO.read,
    inputs: [{}, {}],
    ...NO_BODY,
    refusals: { not_found: ofNobody(credits.getBalance) },
  },
  {
    route: "POST /allocate",
    command: credits.allocate,
    owner: "credits",
    ...WHO.admin,
    inputs: [
      { amount: "1.5", source: "invoice 7" },
      { amount: "1.5", source: "invoice 8" },
    ],
    ...BODY,
    refusals: {},
  },
  {
    route: "GET /transactions",
    command: credits.listTransactions,
    owner: "credits",
    ...WHO.read,
    inputs: [{}, { limit: 5, offset: 1, transaction_type: "allocation" }],
    ...NO_BODY,
    refusals: { not_found: ofNobody(credits.listTransactions) },
  },
  {
    route: "POST /deduct",
    command: credits.deduct,
    owner: "credits",
    ...WHO.service,
    inputs: [
      { amount: "0.25", service: "batch" },
      { amount: "0.50", service: "batch" },
    ],
    ...BODY,
    refusals: {
      insufficient_credits: async () =>
        (await admin()).refused(credits.deduct, { user_id: somebody(), amount: "5.000000000001", service: "batch" }),
    },
  },
  {
    route: "POST /refund",
    command: credits.refund,
    owner: "credits",
    ...WHO.admin,
    inputs: [
      { amount: "0.25", reason: "a fault of ours" },
      { amount: "0.50", reason: "a fault of ours" },
    ],
    ...BODY,
    refusals: {
      not_found: async () =>
        (await admin()).refused(credits.refund, {
          user_id: somebody(),
          amount: "1",
          reason: "of nothing",
          transaction_id: "01a202eb-691a-76b4-b97c-0a5287e90d81",
        }),
    },
  },
  {
    route: "POST /tiers/switch",
    command: tiers.switchTier,
    owner: "credits",
    // A write: it provisions whom an admin names.
    ...WHO.read,
    admin: [200, 200, 200],
    inputs: [{ new_tier: "starter" }, { new_tier: "professional" }],
    bodyMaxBytes: 100_000,
    takesMetadata: false,
    refusals: {
      unknown_tier: async () => (await newUser()).refused(tiers.switchTier, { new_tier: "platinum" }),
    },
  },
  {
    route: "GET /transactions/{id}",
    command: credits.explainTransaction,
    owner: "credits",
    ...WHO.read,
    inputs: [{}, {}],
    ...NO_BODY,
    ofAThing: true,
    refusals: {},
  },
  {
    route: "POST /usage/track",
    command: usage.trackUsage,
    owner: "usage",
    ...WHO.report,
    inputs: [USE, { ...USE, cost: "0.02" }],
    ...BODY,
    refusals: {
      unpriced_model: async () =>
        (await newUser()).refused(usage.trackUsage, { service: "chat", model: "no-such-model", tokens: 10 }),
    },
  },
  {
    route: "POST /usage/track/batch",
    command: usage.trackUsageBatch,
    owner: "usage",
    // Whom an item acts on is said by the item, and answered for it alone.
    nobody: 401,
    user: [200, 422, 422],
    service: [200, 422, 422],
    admin: [200, 422, 422],
    inputs: [{ events: [USE] }, { events: [USE, USE] }],
    bodyMaxBytes: 1_000_000,
    takesMetadata: false,
    refusals: {},
  },
  usageRead("summary", usage.usageSummary),
  usageRead("by-model", usage.usageByModel),
  usageRead("by-service", usage.usageByService),
  usageRead("free-tier", usage.usageFreeTier, [{}, {}]),
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
  {
    route: "GET /tiers/compare",
    command: tiers.listTiers,
    owner: "credits",
    ...WHO.public,
    inputs: [{}, {}],
    ...NO_BODY,
    refusals: {},
  },
];

/** Those that can be walked without making anything first. */
export const walked = stories.filter(({ ofAThing }) => ofAThing === undefined);
export const posts = walked.filter(({ route }) => route.startsWith("POST "));
export const gets = walked.filter(({ route }) => route.startsWith("GET "));
/** Those that act on somebody whom the request names. */
export const onUsers = walked.filter((story) => story.admin[2] !== 422);

/** What is sent to act on somebody; `himself` is not named where he need not be. */
export function acting(story: Story, on: string, isHimself = false): object {
  const mustName = ["POST /allocate", "POST /deduct", "POST /refund"].includes(story.route);
  return { ...story.inputs[0], ...((!isHimself || mustName) && { user_id: on }) };
}
