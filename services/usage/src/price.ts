/** A price row: what a service's model costs per unit, since when, and in which class it is marked up. */
import type { PricedUnit } from "@tollbooth/shared/contracts/prices";
import { decimal, type Money } from "@tollbooth/shared/money";
import type { Match } from "./match.ts";

export type MarkupClass = "free" | "budget" | "standard" | "premium";

/** Minutes of the UTC day, end exclusive; a window that ends before it starts wraps midnight. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** What one unit costs, where it may depend on the prompt's length and on the time of day. */
export interface Rate {
  readonly unit: PricedUnit;
  readonly price: Money;
  /** Holds for prompts of strictly more tokens; 0 for all. */
  readonly above: number;
  readonly window?: Window;
}

export interface Price {
  readonly id: string;
  readonly service: string;
  /** "" prices whatever model of the service has no price of its own. */
  readonly model: string;
  /** Which asked models this row is for; without it only `model` itself. */
  readonly match?: Match;
  /** Where several rows match, the lowest comes first. */
  readonly position: number;
  readonly class?: MarkupClass;
  /** The model gives nothing but text: only then can a price of 0 mean free. */
  readonly textOnly: boolean;
  readonly source: string;
  /** Milliseconds since 1970; -Infinity for the first price of a model. */
  readonly validFrom: number;
  readonly rates: readonly Rate[];
}

/** A price that has no row yet. */
export type NewPrice = Omit<Price, "id">;

export const MARKUP_RATES: Readonly<Record<MarkupClass, Money>> = {
  free: decimal("0"),
  budget: decimal("0.05"),
  standard: decimal("0.10"),
  premium: decimal("0.15"),
};

const BUDGET_BELOW = decimal("0.50");
const STANDARD_BELOW = decimal("5");
const MILLION = decimal(1_000_000);

/** The class a paid use is marked up by: the row's own, else by the prompt price per million tokens, else standard. */
export function markupClass(price: Price | undefined): MarkupClass {
  if (price?.class !== undefined) return price.class;
  const prompt = price?.rates.find(
    (rate) => rate.unit === "input_token" && rate.above === 0 && rate.window === undefined,
  );
  if (prompt === undefined) return "standard";
  const perMillion = prompt.price.times(MILLION);
  if (perMillion.lt(BUDGET_BELOW)) return "budget";
  return perMillion.lt(STANDARD_BELOW) ? "standard" : "premium";
}

/** A model that costs nothing: named so, or giving only text with every price it has 0. */
export function isFreeModel(model: string | undefined, price: Price | undefined): boolean {
  if (model !== undefined && (model.endsWith(":free") || model === "openrouter/free")) return true;
  return price !== undefined && price.textOnly && allZero(price);
}

/** Whether no unit of this row costs anything. */
export function allZero(price: Price): boolean {
  return price.rates.every((rate) => rate.price.isZero());
}

/** The price of a unit for a prompt of that length at that moment: the most particular that holds. */
export function rateOf(price: Price, unit: PricedUnit, promptTokens: number, at: number): Money | undefined {
  const minute = Math.floor(at / 60_000) % 1440;
  const holds = price.rates.filter(
    (rate) =>
      rate.unit === unit &&
      (rate.above === 0 || promptTokens > rate.above) &&
      (rate.window === undefined || inside(rate.window, minute)),
  );
  holds.sort((a, b) => Number(b.window !== undefined) - Number(a.window !== undefined) || b.above - a.above);
  return holds[0]?.price;
}

function inside({ from, to }: Window, minute: number): boolean {
  return from <= to ? minute >= from && minute < to : minute >= from || minute < to;
}
