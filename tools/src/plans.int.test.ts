/** However much there is, no endpoint reads a table from end to end that grows with use. */
import { randomUUID } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import type { Bus } from "@tollbooth/shared/bus";
import type { Caller, Command } from "@tollbooth/shared/contract";
import { commands } from "@tollbooth/shared/contracts/all";
import * as coupons from "@tollbooth/shared/contracts/coupons";
import * as credits from "@tollbooth/shared/contracts/credits";
import * as letters from "@tollbooth/shared/contracts/dead-letters";
import { explainUsage } from "@tollbooth/shared/contracts/explain";
import * as holds from "@tollbooth/shared/contracts/holds";
import * as openrouter from "@tollbooth/shared/contracts/openrouter";
import * as prices from "@tollbooth/shared/contracts/prices";
import * as tiers from "@tollbooth/shared/contracts/tiers";
import * as usage from "@tollbooth/shared/contracts/usage";
import type { Endpoint } from "@tollbooth/shared/handler";
import { decimal } from "@tollbooth/shared/money";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { endpoints as couponsEndpoints } from "../../services/coupons/src/handlers.ts";
import { openRedeemer } from "../../services/coupons/src/redeeming.ts";
import { openBalances } from "../../services/credits/src/balances.ts";
import { endpoints as creditsEndpoints } from "../../services/credits/src/handlers.ts";
import { openPoster } from "../../services/credits/src/posting.ts";
import { OpenRouter } from "../../services/openrouter/src/client.ts";
import { toBase64Url } from "../../services/openrouter/src/fernet.ts";
import { endpoints as openrouterEndpoints } from "../../services/openrouter/src/handlers.ts";
import { parseVaultKeys } from "../../services/openrouter/src/vault-keys.ts";
import { Vault } from "../../services/openrouter/src/vault.ts";
import { endpoints as usageEndpoints } from "../../services/usage/src/handlers.ts";
import { Prices } from "../../services/usage/src/prices.ts";
import { openTracker } from "../../services/usage/src/tracker.ts";
import { forEachOwner, type Owner } from "./databases.ts";
import { fillCoupons, fillCredits, fillOpenRouter, fillUsage } from "./testing/filled.ts";
import { explained, type Asked } from "./testing/plans.ts";

/** What an operator or a release adds to, and nobody's use; and the partition that is empty as long as months are made. */
const SMALL = new Set(["tiers", "catalogue", "prices", "price_rates", "usage_events_default"]);
const FILLED_WITHIN_MS = 60_000;

const databases = {
  credits: (await testDatabase("credits")).db,
  usage: (await testDatabase("usage")).db,
  coupons: (await testDatabase("coupons")).db,
  openrouter: (await testDatabase("openrouter")).db,
};
const heard: Asked[] = [];
const dbs = forEachOwner((owner) => explained(databases[owner], (asked) => heard.push(asked)));

beforeAll(async () => {
  await Promise.all([
    fillCredits(databases.credits),
    fillUsage(databases.usage),
    fillCoupons(databases.coupons),
    fillOpenRouter(databases.openrouter),
  ]);
  await catalogue.seed(databases.usage, Date.now());
}, FILLED_WITHIN_MS);

const catalogue = new Prices(randomUUID);
const options = { prices: catalogue, byokFee: decimal("0"), now: Date.now };
const nothing = () => {};
/** No line here is of an event, and nobody here has a key that OpenRouter would be asked with. */
const noBus = {} as Bus;

const endpoints: Readonly<Record<Owner, readonly Endpoint[]>> = {
  credits: creditsEndpoints({
    db: dbs.credits,
    bus: noBus,
    balances: openBalances(dbs.credits, { aheadMs: 0 }),
    poster: openPoster(dbs.credits, { aheadMs: 0 }, nothing),
  }),
  usage: usageEndpoints({
    db: dbs.usage,
    tracker: openTracker(dbs.usage, options, nothing),
    options,
    newId: randomUUID,
    retentionMonths: 24,
  }),
  coupons: couponsEndpoints(dbs.coupons, openRedeemer(dbs.coupons, nothing)),
  openrouter: openrouterEndpoints(
    {
      db: dbs.openrouter,
      vault: new Vault(parseVaultKeys(`k1:${toBase64Url(new Uint8Array(32))}`)),
      openRouter: new OpenRouter("http://127.0.0.1:9/api/v1"),
      callbackUrl: "https://app.example.com/connected",
    } as Parameters<typeof openrouterEndpoints>[0],
    {} as never,
    {} as never,
  ),
};

const USER = { user_id: "user-7" };
const NOW = new Date().toISOString();
const LATELY = { start_date: new Date(Date.now() - 17 * 86_400_000).toISOString(), ...USER };
const LINE = "5a3c8b0e-0000-7000-8000-000000000000";
const USE = { service: "bench", cost: "0.5" };
const HOLD = { ...USER, hold_id: "new" };

// prettier-ignore
const asked: readonly (readonly [Owner, Command, object])[] = [
  ["credits", credits.getBalance, USER],
  ["credits", credits.getBalance, { ...USER, as_of: NOW }],
  ["credits", credits.checkBalance, { ...USER, amount: "1" }],
  ["credits", credits.listTransactions, { ...USER, limit: 50 }],
  ["credits", credits.listTransactions, { ...USER, limit: 50, transaction_type: "usage", cursor: "9" }],
  ["credits", credits.explainTransaction, { ...USER, id: LINE }],
  ["credits", credits.creditsEventOutcomes, { events: [{ ...USER, event_id: LINE }] }],
  ["credits", letters.listDeadCharges, { limit: 10 }],
  ["credits", tiers.listTiers, {}],
  ["credits", credits.deduct, { ...USER, amount: "1", service: "bench" }],
  ["credits", credits.refund, { ...USER, amount: "1", reason: "test" }],
  ["credits", holds.createHold, { ...HOLD, amount: "1", ttl_s: 60 }],
  ["credits", holds.captureHold, { ...HOLD, amount: "1", service: "bench" }],
  ["usage", usage.usageSummary, LATELY],
  ["usage", usage.usageByModel, LATELY],
  ["usage", usage.usageByService, USER],
  ["usage", usage.usageFreeTier, USER],
  ["usage", usage.usageDaily, USER],
  ["usage", usage.usageEventOutcomes, { source: "mass", events: [{ ...USER, event_id: "user7" }] }],
  ["usage", explainUsage, { ...USER, id: LINE, occurred_at: NOW }],
  ["usage", prices.getPrice, { service: "openai", model: "gpt-4o" }],
  ["usage", prices.priceHistory, { service: "openai", model: "gpt-4o" }],
  ["usage", prices.quoteCost, { service: "openai", model: "gpt-4o", tokens: 10 }],
  ["usage", letters.listDeadLetters, { limit: 10 }],
  ["usage", usage.trackUsage, { ...USE, ...USER, event_id: "user7-new" }],
  ["usage", usage.trackUsageBatch, { events: [{ ...USE, ...USER, event_id: "user7-new" }, { ...USE, ...USER }] }],
  ["coupons", coupons.listCoupons, { limit: 50 }],
  ["coupons", coupons.listCoupons, { limit: 50, active_only: true, cursor: "14000" }],
  ["coupons", coupons.getCoupon, { code: "CODE-7" }],
  ["coupons", coupons.couponStats, { code: "CODE-7" }],
  ["coupons", coupons.validateCoupon, { ...USER, code: "CODE-7" }],
  ["coupons", coupons.redeemCoupon, { ...USER, code: "CODE-8" }],
  ["openrouter", openrouter.connectOpenRouterAccount, USER],
  ["openrouter", openrouter.linkOpenRouterAccount, { ...USER, code: "code", state: "s".repeat(43) }],
  ["openrouter", openrouter.getOpenRouterAccount, USER],
  ["openrouter", openrouter.getOpenRouterSettings, USER],
  ["openrouter", openrouter.deleteOpenRouterAccount, USER],
];

test.each(asked.map(([of, contract, input]) => ({ of, contract, input, subject: contract.subject })))(
  "$subject of $of finds what it needs by an index: $input",
  async ({ of, contract, input }) => {
    const endpoint = endpoints[of].find((each) => each.contract === contract);
    heard.length = 0;
    await endpoint?.answer(Buffer.from(JSON.stringify(input)), ask()).catch(refused);
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.filter(({ whole }) => whole.some((name) => !SMALL.has(name)))).toEqual([]);
  },
);

test("every read that has a route is asked above", () => {
  const reads = Object.values(commands).flatMap((all) => all.filter(({ http }) => http?.method === "get"));
  const known = new Set(asked.map(([, contract]) => contract.subject));
  expect(reads.map(({ subject }) => subject).filter((subject) => !known.has(subject))).toEqual([]);
});

test("the plans are read: what reads a whole table is found", async () => {
  heard.length = 0;
  await dbs.coupons.run({ text: "select from coupon_redemptions where metadata = '{}'", values: [] });
  expect(heard.flatMap(({ whole }) => whole)).toEqual(["coupon_redemptions"]);
});

function ask() {
  const caller: Caller = { sub: "admin", roles: ["admin"] };
  return { caller, requestId: randomUUID(), deadlineMs: Date.now() + 10_000, idempotencyKey: randomUUID() };
}

/** What is not there has been looked for all the same. */
function refused(error: Error): void {
  if (!("code" in error) || error.code !== "not_found") throw error;
}
