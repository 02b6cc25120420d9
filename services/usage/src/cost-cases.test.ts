/** Prices and costs that others publish: what we offer must come out exactly, before any rounding. */
import { existsSync, readFileSync } from "node:fs";
import { decimal, type Money } from "@tollbooth/shared/money";
import type { PricedUnit } from "@tollbooth/shared/contracts/prices";
import { expect, test } from "vitest";
import { z } from "zod";
import { Catalogue } from "./catalogue.ts";
import { costOf, exactTotal, type Used } from "./cost.ts";
import type { Rate } from "./price.ts";

const FILE = new URL("../../../../shared/data/cost_cases.json", import.meta.url);

const Prices = z.record(
  z.string(),
  z.union([z.string(), z.array(z.record(z.string(), z.union([z.string(), z.number()])))]),
);
const Case = z.object({
  id: z.string(),
  kind: z.string(),
  model: z.string().optional(),
  prices_usd_per_unit: Prices.optional(),
  usage: z.record(z.string(), z.union([z.number(), z.string()])).optional(),
  reported: z.object({ cost: z.union([z.string(), z.number()]), is_byok: z.boolean().optional() }).optional(),
  base_cost_usd: z.string().optional(),
  markup_rate: z.string().optional(),
  expected_cost_usd: z.string(),
});
type Case = z.output<typeof Case>;

const KINDS = new Set(
  "recorded-openrouter recorded-openrouter-surcharge recorded-openrouter-byok tiered multimodal markup cache time-window reasoning audio token rerank embedding precision large free".split(
    " ",
  ),
);
const UNIT_OF_PRICE: Readonly<Record<string, PricedUnit>> = {
  prompt: "input_token",
  completion: "output_token",
  input_cache_read: "cached_token",
  input_cache_write: "cache_write_token",
  internal_reasoning: "reasoning_token",
  image_token: "image_input_token",
  input_image_cache: "image_cached_token",
  image_output: "image_output_token",
  audio: "audio_input_token",
  input_audio_cache: "audio_cached_token",
  audio_output: "audio_output_token",
  per_second: "second",
  per_character: "character",
  per_query: "query",
};
/** Prices that matter only where the usage names what they are for, which then is not offered. */
const IDLE_PRICES = new Set(["web_search", "input_cache_write_1h"]);
const COUNTS: Readonly<Record<string, string>> = { prompt_tokens: "input_tokens", completion_tokens: "output_tokens" };
const SAME_COUNTS = new Set(
  "cached_tokens cache_write_tokens reasoning_tokens image_tokens cached_image_tokens image_output_tokens audio_tokens cached_audio_tokens audio_output_tokens".split(
    " ",
  ),
);
const QUANTITIES: Readonly<Record<string, string>> = { seconds: "second", characters: "character", queries: "query" };
const CONDITIONS = new Set(["min_prompt_tokens", "utc_start", "utc_end", "overrides"]);

/** Why a case is not offered, by its kind and fields alone. */
function notOffered(each: Case): string | undefined {
  if (!KINDS.has(each.kind)) return `unknown kind ${each.kind}`;
  const price = Object.keys(each.prices_usd_per_unit ?? {}).find(
    (key) => !(key in UNIT_OF_PRICE) && !IDLE_PRICES.has(key) && !CONDITIONS.has(key),
  );
  if (price !== undefined) return `unknown price ${price}`;
  const count = Object.keys(each.usage ?? {}).find(
    (key) => !(key in COUNTS) && !SAME_COUNTS.has(key) && !(key in QUANTITIES) && key !== "utc_hhmm",
  );
  return count === undefined ? undefined : `no unit for ${count}`;
}

function ratesOf(prices: z.output<typeof Prices>): Rate[] {
  const condition: { above: number; window?: Rate["window"] } = { above: Number(prices["min_prompt_tokens"] ?? 0) };
  if (prices["utc_start"] !== undefined)
    condition.window = { from: minuteOf(Number(prices["utc_start"])), to: minuteOf(Number(prices["utc_end"])) };
  return Object.entries(prices).flatMap(([key, value]): Rate[] => {
    if (Array.isArray(value)) return value.flatMap((override) => ratesOf(override as z.output<typeof Prices>));
    const unit = UNIT_OF_PRICE[key];
    if (unit === undefined) return [];
    const { window, above } = condition;
    return [{ unit, price: decimal(value), above, ...(window !== undefined && { window }) }];
  });
}

function minuteOf(hhmm: number): number {
  return Math.floor(hhmm / 100) * 60 + (hhmm % 100);
}

function usedOf({ model, usage = {}, reported }: Case): Used {
  const counts: Record<string, unknown> = {};
  for (const [name, count] of Object.entries(usage)) {
    if (name in QUANTITIES) Object.assign(counts, { quantity: decimal(count), unit: QUANTITIES[name] });
    else if (name !== "utc_hhmm") counts[COUNTS[name] ?? name] = count;
  }
  const at = Date.parse("2026-06-01T00:00:00Z") + minuteOf(Number(usage["utc_hhmm"] ?? 1200)) * 60_000;
  return {
    service: "case",
    model,
    counts,
    cost: undefined,
    providerCost: reported === undefined ? undefined : decimal(reported.cost),
    isFree: undefined,
    byok: reported?.is_byok ?? false,
    at,
  };
}

function exactCost(each: Case): Money {
  if (each.base_cost_usd !== undefined)
    return exactTotal(decimal(each.base_cost_usd), decimal(each.markup_rate as string));
  const price = {
    id: "",
    service: "case",
    model: each.model as string,
    position: 0,
    textOnly: true,
    source: "case",
    validFrom: -Infinity,
    rates: ratesOf(each.prices_usd_per_unit ?? {}),
  };
  const cost = costOf(usedOf(each), new Catalogue(1n, [price]).find, decimal("0"));
  return each.kind.endsWith("-byok") ? cost.charged : cost.base;
}

const cases = existsSync(FILE)
  ? z.object({ cases: z.array(Case) }).parse(JSON.parse(readFileSync(FILE, "utf8"))).cases
  : undefined;

if (cases === undefined)
  console.log("cost cases: skipped, there is no shared/data/cost_cases.json beside this checkout");

test.skipIf(cases === undefined)("every offered cost that others recorded or published comes out exactly", () => {
  const reasons = (cases ?? []).map((each) => ({ each, reason: notOffered(each) }));
  const refused = reasons.filter(({ reason }) => reason !== undefined);
  const offered = reasons.filter(({ reason }) => reason === undefined).map(({ each }) => each);
  console.log(
    `cost cases: ${offered.length} offered, ${refused.length} not offered${refused.map(({ each, reason }) => `\n  ${each.id}: ${reason}`).join("")}`,
  );
  const wrong = offered
    .map((each) => ({
      id: each.id,
      got: exactCost(each).toFixed(),
      expected: decimal(each.expected_cost_usd).toFixed(),
    }))
    .filter(({ got, expected }) => got !== expected);
  expect(wrong).toEqual([]);
  expect(offered.length).toBeGreaterThan(60);
});
