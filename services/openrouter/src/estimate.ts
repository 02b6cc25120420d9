/** What a request costs at most, and how much of an answer an amount pays for. Pure. */
import type { PricedUnit, PriceRate } from "@tollbooth/shared/contracts/prices";
import { decimal, round12, ZERO, type Money } from "@tollbooth/shared/money";
import type { z } from "zod";
import type { Wanted } from "./body.ts";

/** What usage says of a model. */
export interface Quote {
  readonly isFree: boolean;
  readonly markupClass: "free" | "budget" | "standard" | "premium";
  readonly markupRate: Money;
  /** Undefined where the model has no price. */
  readonly rates: readonly z.output<typeof PriceRate>[] | undefined;
}

/** How long a model's prompts and answers may be, as far as OpenRouter says it. */
export interface Lengths {
  readonly contextTokens: number | undefined;
  readonly outputTokensMax: number | undefined;
}

/** A model that may serve a request. */
export interface Candidate {
  readonly quote: Quote;
  readonly lengths: Lengths;
  /** What a token costs that is kept in the cache for an hour; undefined where OpenRouter lists none. */
  readonly hourPrice: Money | undefined;
}

/** What a request costs at most, markup included: for all but its answer, and for each token of that. */
export interface Bound {
  readonly before: Money;
  readonly perToken: Money;
}

const INPUT: readonly PricedUnit[] = ["input_token", "cache_write_token", "image_input_token", "audio_input_token"];
const OUTPUT: readonly PricedUnit[] = ["output_token", "reasoning_token", "image_output_token", "audio_output_token"];
const ONE = decimal(1);
/** Amounts are rounded half to even: a bound is never rounded below what it bounds. */
const LEAST = decimal("0.000000000001");
/** For what OpenRouter may do beside the model where it was asked to: ten searches at the dearest that it lists. */
const EXTRAS = decimal("0.50");
/** Where nobody says how long an answer may be: long enough for whatever models say at a time. */
const OUTPUT_PRESET_TOKENS = 16_384;
const CONTEXT_SHARE = 4;

/** The bound of a request served by the dearest of its models; undefined where one of them has no price to tell it by. */
export function boundOf(wanted: Wanted, models: readonly Candidate[]): Bound | undefined {
  let before = ZERO;
  let perToken = ZERO;
  for (const { quote, lengths, hourPrice = ZERO } of models) {
    const { rates, isFree, markupRate } = quote;
    if (isFree) continue;
    if (rates === undefined || rates.every(({ price }) => price.isZero())) return undefined;
    const price = (units: readonly PricedUnit[]) => dearest(rates, units, wanted.promptTokensMax);
    const promptTokens = Math.min(wanted.promptTokensMax, lengths.contextTokens ?? Infinity);
    const own = larger(price(INPUT), wanted.keepsForAnHour ? hourPrice : ZERO)
      .times(promptTokens)
      .plus(price(["request_fee"]))
      .plus(price(["query"]));
    before = larger(before, own.times(markupRate.plus(ONE)));
    perToken = larger(perToken, price(OUTPUT).times(wanted.choices).times(markupRate.plus(ONE)));
  }
  return { before: wanted.hasExtras ? before.plus(EXTRAS) : before, perToken };
}

/** What is set aside for an answer of so many tokens. */
export function amountFor({ before, perToken }: Bound, outputTokens: number): Money {
  return round12(before.plus(perToken.times(outputTokens)).plus(LEAST));
}

/** How many tokens an answer may have for that much; 0 where it does not even pay for the question. */
export function affordableTokens({ before, perToken }: Bound, available: Money): number {
  const left = available.minus(before).minus(LEAST);
  if (left.isNegative()) return 0;
  if (perToken.isZero()) return Number.MAX_SAFE_INTEGER;
  return Math.min(left.div(perToken).floor().toNumber(), Number.MAX_SAFE_INTEGER);
}

/** How long an answer may be where its client does not say it: within what every one of the models can. */
export function presetTokens(lengths: readonly Lengths[]): number {
  const limits = lengths.flatMap(({ contextTokens, outputTokensMax }) => [
    outputTokensMax ?? Infinity,
    Math.max(1, Math.floor((contextTokens ?? Infinity) / CONTEXT_SHARE)),
  ]);
  return Math.min(OUTPUT_PRESET_TOKENS, ...limits);
}

/** The highest price of any of these that may hold for a prompt of at most so many tokens, whatever the time of day. */
function dearest(rates: NonNullable<Quote["rates"]>, units: readonly PricedUnit[], promptTokensMax: number): Money {
  return rates
    .filter(({ unit, above_tokens: above = 0 }) => units.includes(unit) && promptTokensMax >= above)
    .reduce((most, { price }) => larger(most, price), ZERO);
}

function larger(a: Money, b: Money): Money {
  return a.gt(b) ? a : b;
}
