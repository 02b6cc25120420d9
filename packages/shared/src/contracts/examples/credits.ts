/** Examples of what the ledger answers and tells. */
import * as credits from "../credits.ts";
import * as holds from "../holds.ts";
import * as tiers from "../tiers.ts";
import { ALICE, asked, BREAKDOWN, LINE_ID, MODEL, NOW, told, type Examples } from "./example.ts";
import { explained } from "./usage.ts";

const ZERO = "0.000000000000";
const BALANCE = {
  user_id: ALICE,
  balance: "29.999622000000",
  available: "29.999622000000",
  held: ZERO,
  allocated_monthly: "5.000000000000",
  bonus_credits: ZERO,
  free_tier_used: ZERO,
  tier: "trial",
  reset_date: "2026-12-22T11:48:51.815Z",
  last_updated: NOW,
  created_at: "2026-11-22T11:48:51.815Z",
};
const LINE = {
  id: LINE_ID,
  user_id: ALICE,
  transaction_type: "usage" as const,
  amount: "-0.000378000000",
  balance_after: "29.999622000000",
  service: "openrouter",
  model: MODEL,
  cost_breakdown: BREAKDOWN,
  actor: { sub: ALICE, role: "user" },
  reason: null,
  metadata: { event_id: "chat-1" },
  created_at: "2026-11-22T11:48:52.335Z",
};
const HOLD = { hold_id: "h1", amount: "3.000000000000", expires_at: "2026-11-22T11:49:52.296Z" };
const NOTICE = {
  id: "01a20316-7210-7a61-93a4-1f6d0a5c3e77",
  user_id: ALICE,
  amount: "25.000000000000",
  balance: "29.999622000000",
  available: "29.999622000000",
  at: NOW,
};
const FALLEN = { ...NOTICE, amount: "-0.000378000000", balance: "-0.000120000000", available: "-0.000120000000" };

export const creditsExamples: Examples = {
  ...asked(credits.getBalance, {}, BALANCE),
  ...asked(credits.allocate, { user_id: ALICE, amount: "25", source: "invoice 1" }, BALANCE),
  ...asked(
    credits.grantBonus,
    { user_id: ALICE, amount: "2", source: "welcome", expires_at: "2026-12-01T00:00:00Z" },
    { ...BALANCE, bonus_credits: "2.000000000000" },
  ),
  ...asked(credits.listTransactions, { limit: 2, transaction_type: "usage" }, [LINE]),
  ...asked(credits.deduct, { user_id: ALICE, amount: "1.5", service: "render" }, BALANCE),
  ...asked(
    credits.checkBalance,
    { user_id: ALICE, amount: "10" },
    { sufficient: true, required: "10.000000000000", available: "29.999622000000" },
  ),
  ...asked(credits.createAccount, { user_id: ALICE }, BALANCE),
  ...asked(
    credits.refund,
    { user_id: ALICE, amount: "0.0001", reason: "half was blank", transaction_id: LINE_ID },
    BALANCE,
  ),
  ...asked(credits.adjust, { user_id: ALICE, amount: "-0.25", reason: "booked twice" }, BALANCE),
  ...asked(
    credits.explainTransaction,
    { id: LINE_ID },
    {
      ...LINE,
      seq: 3,
      counterparty: "usage:openrouter",
      key: `event:${explained.id}`,
      trace_id: "b2861e77db62ea0f06f13aded7a26c14",
      hash: "461c3c4c0e8a6ff5b9d1d2c9d3f0a7e8b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1",
      refunds: null,
      draws: [{ lot: 1, kind: "monthly", granted: "5.000000000000", amount: "-0.000378000000" }],
      hold: null,
      usage: explained,
    },
  ),
  ...asked(credits.creditsEventOutcomes, { events: [{ user_id: ALICE, event_id: explained.id }] }, [
    { event_id: explained.id, outcome: "applied" },
  ]),
  ...told(credits.creditsGranted, NOTICE),
  ...told(credits.creditsOverdrawn, FALLEN),
  ...told(credits.creditsLow, { ...FALLEN, balance: "0.400000000000", available: "0.400000000000" }),

  ...asked(
    holds.createHold,
    { user_id: ALICE, hold_id: "h1", amount: "3", ttl_s: 60 },
    { ...HOLD, state: "active", available: "26.999622000000" },
  ),
  ...asked(
    holds.captureHold,
    { user_id: ALICE, hold_id: "h1", amount: "1.25", service: "render" },
    { ...HOLD, state: "captured", available: "28.749622000000" },
  ),
  ...asked(
    holds.releaseHold,
    { user_id: ALICE, hold_id: "h1" },
    { ...HOLD, state: "released", available: "29.999622000000" },
  ),

  ...asked(tiers.listTiers, {}, [
    {
      tier: "trial",
      price_monthly: "4.000000000000",
      credits_monthly: "5.000000000000",
      features: ["5 credits a month", "Free models", "Pay as you go"],
      amount_due: ZERO,
    },
  ]),
  ...asked(
    tiers.switchTier,
    { new_tier: "starter" },
    {
      ...BALANCE,
      balance: "44.999622000000",
      available: "44.999622000000",
      allocated_monthly: "20.000000000000",
      tier: "starter",
      amount_due: "15.000000000000",
    },
  ),
  ...asked(tiers.resetPeriod, { user_id: ALICE }, BALANCE),
};
