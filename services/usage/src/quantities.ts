/** From what a reporter counted to what is charged: every token once, under the most particular unit that has a price. */
import { Fault } from "@tollbooth/shared/fault";
import { decimal, type Money } from "@tollbooth/shared/money";
import type { PricedUnit } from "@tollbooth/shared/contracts/prices";
import type { UsageReport } from "@tollbooth/shared/contracts/usage";
import { rateOf, type Price } from "./price.ts";

/** The quantities as reported. */
export type Counts = Pick<
  UsageReport,
  | "tokens"
  | "input_tokens"
  | "output_tokens"
  | "cached_tokens"
  | "cache_write_tokens"
  | "reasoning_tokens"
  | "image_tokens"
  | "cached_image_tokens"
  | "image_output_tokens"
  | "audio_tokens"
  | "cached_audio_tokens"
  | "audio_output_tokens"
  | "quantity"
  | "unit"
>;

/** Input and output, whoever said them. */
export interface Split {
  readonly input: number;
  readonly output: number;
  /** All tokens: as stated, else input and output together. */
  readonly used: number;
  /** Whether `tokens` alone was stated, so that input and output are a guess. */
  readonly assumed: boolean;
}

/** So many of a unit, at that price. */
export interface Line {
  readonly unit: PricedUnit;
  readonly quantity: Money;
  readonly price: Money;
}

/**
 * Input and output tokens. `tokens` alone is half and half, the odd one input; all input where the price knows of no
 * output (embeddings, rerankers); beside one of the two it tells the other.
 */
export function splitTokens(counts: Counts, price: Price | undefined): Split {
  const { tokens, input_tokens: input, output_tokens: output } = counts;
  if (tokens === undefined)
    return { input: input ?? 0, output: output ?? 0, used: (input ?? 0) + (output ?? 0), assumed: false };
  if (input !== undefined || output !== undefined) {
    return {
      input: input ?? Math.max(0, tokens - (output ?? 0)),
      output: output ?? Math.max(0, tokens - (input ?? 0)),
      used: tokens,
      assumed: false,
    };
  }
  const half = price !== undefined && onlyInput(price) ? 0 : Math.floor(tokens / 2);
  return { input: tokens - half, output: half, used: tokens, assumed: tokens > 0 };
}

function onlyInput(price: Price): boolean {
  const costs = (unit: PricedUnit) => price.rates.some((rate) => rate.unit === unit && !rate.price.isZero());
  return costs("input_token") && !costs("output_token");
}

/**
 * What is charged of a use at a price; nothing for a use of zero tokens. Throws `unpriced_model` where something that
 * was used has no price, `invalid_request` where the report does not say how much was used.
 */
export function chargeable(counts: Counts, split: Split, price: Price, at: number): Line[] {
  const priceOf = (unit: PricedUnit) => rateOf(price, unit, split.input, at);
  // A price per second or query says nothing of tokens: there they are information.
  const byToken = price.rates.some((rate) => isToken(rate.unit));
  const byFee = priceOf("request_fee") !== undefined && !byToken;
  if (!(byToken && hasTokens(counts)) && counts.quantity === undefined && !byFee)
    throw nothingStated(counts, price, byToken);
  return [...(byToken ? tokenLines(counts, split, price, priceOf) : []), ...quantityLines(counts, price, priceOf)];
}

type PriceOf = (unit: PricedUnit) => Money | undefined;

/** A part of the input or output, and the units it may be charged as, the most particular first. */
type Part = readonly [count: number, ...units: PricedUnit[]];

function tokenLines(counts: Counts, { input, output }: Split, price: Price, priceOf: PriceOf): Line[] {
  const { cached_tokens: cached = 0, cache_write_tokens: written = 0, reasoning_tokens: reasoning = 0 } = counts;
  const {
    image_tokens: image = 0,
    cached_image_tokens: cachedImage = 0,
    image_output_tokens: imageOutput = 0,
  } = counts;
  const {
    audio_tokens: audio = 0,
    cached_audio_tokens: cachedAudio = 0,
    audio_output_tokens: audioOutput = 0,
  } = counts;
  return [
    ...divide(input, "input_token", price, priceOf, [
      [Math.max(0, cached - cachedImage - cachedAudio), "cached_token"],
      [written, "cache_write_token"],
      [Math.max(0, image - cachedImage), "image_input_token"],
      [cachedImage, "image_cached_token", "cached_token", "image_input_token"],
      [Math.max(0, audio - cachedAudio), "audio_input_token"],
      [cachedAudio, "audio_cached_token", "cached_token", "audio_input_token"],
    ]),
    ...divide(output, "output_token", price, priceOf, [
      [reasoning, "reasoning_token"],
      [imageOutput, "image_output_token"],
      [audioOutput, "audio_output_token"],
    ]),
  ];
}

/**
 * Parts with a price of their own leave the whole; the others stay in it, at its price. Real answers name parts larger
 * than their whole: then nothing of the whole is left, and never less.
 */
function divide(whole: number, unit: PricedUnit, price: Price, priceOf: PriceOf, parts: readonly Part[]): Line[] {
  const lines: Line[] = [];
  let rest = whole;
  for (const [count, ...units] of parts) {
    const own = units.find((candidate) => priceOf(candidate) !== undefined);
    if (own === undefined || count === 0) continue;
    lines.push({ unit: own, quantity: decimal(count), price: priceOf(own) as Money });
    rest -= count;
  }
  if (rest <= 0) return lines;
  return [{ unit, quantity: decimal(rest), price: priceOf(unit) ?? unpriced(price, unit) }, ...lines];
}

function quantityLines({ quantity, unit }: Counts, price: Price, priceOf: PriceOf): Line[] {
  const fee = priceOf("request_fee");
  const fees: Line[] = fee === undefined ? [] : [{ unit: "request_fee", quantity: decimal(1), price: fee }];
  if (quantity === undefined) return fees;
  const counted = unit ?? onlyUnit(price);
  return [{ unit: counted, quantity, price: priceOf(counted) ?? unpriced(price, counted) }, ...fees];
}

/** What a bare quantity counts: the price's only unit that is neither a token nor a fee. */
function onlyUnit(price: Price): NonNullable<UsageReport["unit"]> {
  const units = new Set(
    price.rates.map((rate) => rate.unit).filter((unit) => !isToken(unit) && unit !== "request_fee"),
  );
  const [unit] = units;
  if (units.size === 1) return unit as NonNullable<UsageReport["unit"]>;
  throw new Fault("invalid_request", "say what the quantity counts", {
    errors: [
      {
        path: "unit",
        message: units.size === 0 ? "this model is not priced by a quantity" : `one of ${[...units].join(", ")}`,
      },
    ],
  });
}

function isToken(unit: PricedUnit): boolean {
  return unit.endsWith("_token");
}

function hasTokens(counts: Counts): boolean {
  return Object.entries(counts).some(([name, count]) => name.endsWith("tokens") && count !== undefined);
}

function nameOf({ service, model }: Price): string {
  return model === "" ? service : `${service} ${model}`;
}

function unpriced(price: Price, unit: PricedUnit): never {
  throw new Fault("unpriced_model", `${nameOf(price)} has no price per ${unit.replaceAll("_", " ")}`, {
    fix: "report cost or provider_cost",
  });
}

function nothingStated(counts: Counts, price: Price, byToken: boolean): Fault {
  const units = [...new Set(price.rates.map((rate) => rate.unit))].join(", ");
  if (!byToken && hasTokens(counts))
    return new Fault("unpriced_model", `${nameOf(price)} has no price per token; it is priced per ${units}`);
  const message = `say how much of ${nameOf(price)} was used, by tokens or by a quantity; it is priced per ${units}`;
  return new Fault("invalid_request", message, { errors: [{ path: "", message }] });
}
