/**
 * The routes as the product's contract lists them, written out by hand: who may ask what about whom, good requests, and
 * how to bring about each refusal that is documented. A route that is mounted and not told of here fails its walk.
 */
import * as credits from "@tollbooth/shared/contracts/credits";
import * as tiers from "@tollbooth/shared/contracts/tiers";
import * as usage from "@tollbooth/shared/contracts/usage";
import type { Command } from "@tollbooth/shared/contract";
import { admin, newUser, somebody } from "../harness/person.ts";
import { couponStories } from "./coupon-stories.ts";
import { openRouterStories } from "./openrouter-stories.ts";
import { BODY, NO_BODY, WHO, type Story } from "./story.ts";

const PERIOD = [{}, { start_date: "2026-01-01" }] as const;
const USE = { service: "chat", cost: "0.01" };

/** Somebody else whom nobody has ever seen. */
const ofNobody = (command: Command) => async () => (await admin()).refused(command, { user_id: somebody() });

function usageRead(name: string, command: Command, inputs: Story["inputs"] = PERIOD): Story {
  const refusals = { not_found: ofNobody(command) };
  return { route: `GET /usage/${name}`, command, owner: "usage", ...WHO.read, inputs, ...NO_BODY, refusals };
}

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
  ...couponStories,
  ...openRouterStories,
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
