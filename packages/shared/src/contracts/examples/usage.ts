/** Examples of what the usage service answers and tells. */
import { explainUsage } from "../explain.ts";
import * as prices from "../prices.ts";
import * as usage from "../usage.ts";
import {
  ALICE,
  asked,
  BREAKDOWN,
  COST,
  EVENT_ID,
  MODEL,
  NOW,
  PRICE_ID,
  TODAY,
  TOMORROW,
  told,
  type Examples,
} from "./example.ts";

const ZERO = "0.000000000000";
const USE = { service: "openrouter", model: MODEL, input_tokens: 1200, output_tokens: 300 };
const EVENT = {
  id: EVENT_ID,
  user_id: ALICE,
  service: "openrouter",
  model: MODEL,
  tokens_used: 1500,
  ...COST,
  is_free_tier: false,
  created_at: NOW,
};
const SUM = { event_count: 1, total_tokens: 1500, total_cost: COST.total_cost, free_events: 0 };
const PERIOD = { start: TODAY, end: TOMORROW };
const ASKED_PERIOD = { start_date: "2026-11-22", end_date: "2026-11-22" };
const SUMMARY = {
  total_events: 1,
  total_tokens: 1500,
  total_cost: COST.total_cost,
  free_tier_events: 0,
  paid_tier_events: 1,
  services: { openrouter: { event_count: 1, tokens: 1500, cost: COST.total_cost } },
  period: PERIOD,
};
const RATES = [
  { unit: "input_token" as const, price: "0.00000015" },
  { unit: "output_token" as const, price: "0.0000006" },
];
const PRICE = {
  id: PRICE_ID,
  service: "openrouter",
  model: MODEL,
  class: null,
  text_only: false,
  source: "genai-prices",
  valid_from: null,
  rates: RATES,
};
const MARKUP = { markup_class: "budget" as const, markup_rate: "0.0500" };

/** Why alice's event cost what it cost. */
export const explained = {
  id: EVENT_ID,
  source: "user",
  event_id: "chat-1",
  service: "openrouter",
  model: MODEL,
  occurred_at: NOW,
  recorded_at: NOW,
  input_tokens: 1200,
  output_tokens: 300,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  split_assumed: false,
  quantity: null,
  unit: null,
  basis: "price" as const,
  price: PRICE,
  ...MARKUP,
  ...COST,
  is_free: false,
  free_value: ZERO,
  byok: false,
  hold_id: null,
};

export const usageExamples: Examples = {
  ...asked(usage.trackUsage, { ...USE, event_id: "chat-1" }, EVENT),
  ...asked(usage.trackUsageBatch, { events: [{ ...USE, event_id: "chat-1" }, { service: "stt" }] }, [
    { status: "duplicate", event: EVENT },
    {
      status: "refused",
      problem: {
        code: "invalid_request",
        detail: "say how much of stt was used, by tokens or by a quantity; it is priced per second",
      },
    },
  ]),
  ...asked(usage.usageEventOutcomes, { source: "chat", events: [{ user_id: ALICE, event_id: "chat-7" }] }, [
    { event_id: "chat-7", outcome: "applied" },
  ]),
  ...told(usage.usageTracked, {
    id: EVENT_ID,
    source: "user",
    source_event_id: "chat-1",
    user_id: ALICE,
    service: "openrouter",
    model: MODEL,
    charged: COST.charged,
    cost_breakdown: BREAKDOWN,
    is_free: false,
    free_value: ZERO,
    hold_id: null,
    occurred_at: NOW,
  }),
  ...told(usage.usageReported, { ...USE, user_id: ALICE, event_id: "chat-7", occurred_at: NOW }),
  ...asked(usage.usageSummary, ASKED_PERIOD, SUMMARY),
  ...asked(usage.usageByModel, ASKED_PERIOD, [{ service: "openrouter", model: MODEL, ...SUM, avg_tokens: 1500 }]),
  ...asked(usage.usageByService, ASKED_PERIOD, [{ service: "openrouter", ...SUM, unique_models: 1 }]),
  ...asked(
    usage.usageFreeTier,
    {},
    {
      total_free_events: 2,
      total_free_tokens: 900,
      unique_free_models: 1,
      models: [{ model: "meta-llama/llama-3.3-70b-instruct:free", event_count: 2, tokens: 900 }],
      period: { start: "2026-11-01T00:00:00.000Z", end: "2026-12-01T00:00:00.000Z" },
    },
  ),
  ...asked(usage.usageDaily, { user_id: ALICE }, SUMMARY),

  ...asked(
    prices.importPrices,
    { service: "openrouter", source: "models", prices: [{ model: MODEL, rates: RATES }] },
    {
      changed: 1,
      unchanged: 0,
      quarantined: 0,
      refused: [],
    },
  ),
  ...asked(prices.listQuarantine, {}, [
    {
      service: "openrouter",
      model: MODEL,
      source: "openrouter-models",
      reason: "input_token would rise from 0.00000015 to 0.00015",
      seen_at: NOW,
      sheet: { model: MODEL, rates: [{ unit: "input_token", price: "0.00015" }] },
    },
  ]),
  ...asked(prices.acceptPrice, { service: "openrouter", model: MODEL }, { ...PRICE, source: "openrouter-models" }),
  ...asked(prices.setPrice, { service: "openrouter", model: MODEL, rates: RATES }, { ...PRICE, source: "ops" }),
  ...asked(prices.getPrice, { service: "openrouter", model: MODEL }, PRICE),
  ...asked(prices.priceHistory, { service: "openrouter", model: MODEL }, [PRICE]),
  ...asked(prices.quoteCost, USE, {
    ...COST,
    is_free: false,
    free_value: ZERO,
    ...MARKUP,
    split_assumed: false,
    lines: [
      { unit: "input_token", quantity: "1200", price: "0.00000015" },
      { unit: "output_token", quantity: "300", price: "0.0000006" },
    ],
    price_id: PRICE_ID,
  }),
  ...asked(explainUsage, { user_id: ALICE, id: EVENT_ID, occurred_at: NOW }, explained),
};
