import { expect, test } from "vitest";
import { UsageReport } from "@tollbooth/shared/contracts/usage";
import { decimal } from "@tollbooth/shared/money";
import { reportOf, type Served, type UsageFacts } from "./bill.ts";

const chat: Served = {
  userId: "ann",
  requestId: "r1",
  payer: "byok",
  holdId: null,
  isFree: false,
  model: "openai/gpt-4.1",
  generationId: "gen-1",
  ending: "completed",
  atMs: 1000,
};
const used: UsageFacts = {
  promptTokens: 20,
  completionTokens: 10,
  cachedTokens: 5,
  cacheWriteTokens: 0,
  reasoningTokens: 4,
  cost: decimal("0.0012"),
  isByok: false,
  upstreamCost: null,
};

// prettier-ignore
test.each([
  { name: "is what OpenRouter billed",                          more: {},                                                         cost: "0.001200000000" },
  { name: "does not hold the provider's part twice",            more: { upstreamCost: decimal("0.001") },                         cost: "0.001200000000" },
  { name: "is OpenRouter's fee and the provider's bill",        more: { isByok: true, upstreamCost: decimal("0.01") },            cost: "0.011200000000" },
  { name: "is OpenRouter's fee where no more is told",          more: { isByok: true },                                           cost: "0.001200000000" },
  { name: "is nothing for an answer from the cache",            more: { cost: decimal(0), promptTokens: 0, completionTokens: 0 }, cost: "0.000000000000" },
  { name: "is rounded once",                                    more: { cost: decimal("1.2345678901235e-1") },                    cost: "0.123456789012" },
  { name: "is left to the price list where it is not told",     more: { cost: null },                                             cost: undefined },
  { name: "is left to the price list where it is below nothing", more: { cost: decimal("-1") },                                   cost: undefined },
])("what a chat cost its user $name", ({ more, cost }) => {
  const report = reportOf(chat, { ...used, ...more });
  expect(report.provider_cost).toBe(cost);
  expect(UsageReport.safeParse(report).success).toBe(true);
});

test("a report names its event by the request, and tells the tokens", () => {
  expect(reportOf(chat, used)).toMatchObject({
    user_id: "ann",
    source: "openrouter",
    event_id: "r1",
    service: "openrouter",
    model: "openai/gpt-4.1",
    byok: true,
    input_tokens: 20,
    output_tokens: 10,
    cached_tokens: 5,
    reasoning_tokens: 4,
    occurred_at: "1970-01-01T00:00:01.000Z",
    metadata: { generation_id: "gen-1", status: "completed", is_byok: false },
  });
});

test("a report of what credits pay names the hold; one of what was shown as free says so", () => {
  const managed = reportOf({ ...chat, payer: "managed", holdId: "h1", latencyMs: 900, firstTokenMs: 200 }, used);
  expect(managed).toMatchObject({ hold_id: "h1", metadata: { latency_ms: 900, first_token_ms: 200 } });
  expect("byok" in managed || "is_free" in managed).toBe(false);
  expect(reportOf({ ...chat, payer: "managed", isFree: true }, used)).toMatchObject({
    is_free: true,
    provider_cost: "0.001200000000",
  });
});
