/** What a use costs and who pays for it: price, markup, free, a user's own key. Exact, and rounded once. */
import { Fault } from "@tollbooth/shared/fault";
import { decimal, round12, sum, ZERO, type Money } from "@tollbooth/shared/money";
import { allZero, isFreeModel, MARKUP_RATES, markupClass, type MarkupClass, type Price } from "./price.ts";
import { chargeable, splitTokens, type Counts, type Line, type Split } from "./quantities.ts";

/** A use whose cost is asked. */
export interface Used {
  readonly service: string;
  readonly model: string | undefined;
  readonly counts: Counts;
  /** The total that the reporter states, markup included. */
  readonly cost: Money | undefined;
  /** What the provider takes, as the reporter states it. */
  readonly providerCost: Money | undefined;
  /** Whether it was free, where the reporter is believed; else the catalogue says. */
  readonly isFree: boolean | undefined;
  /** The user's own key paid the provider. */
  readonly byok: boolean;
  /** When it was used, in milliseconds since 1970: picks the price. */
  readonly at: number;
}

/** The price in force for a model at a moment. */
export type FindPrice = (service: string, model: string | undefined, at: number) => Price | undefined;

/** What the amounts were made from. */
export type Basis = "price" | "cost" | "provider_cost";

export interface Cost {
  readonly basis: Basis;
  readonly split: Split;
  readonly lines: readonly Line[];
  readonly price: Price | undefined;
  readonly class: MarkupClass;
  readonly rate: Money;
  /** What the provider takes, exactly: finer than an amount may be. */
  readonly base: Money;
  readonly providerCost: Money;
  readonly platformMarkup: Money;
  readonly totalCost: Money;
  readonly charged: Money;
  readonly isFree: boolean;
  /** What free usage would have cost on the paid sibling of the same model; 0 for paid usage. */
  readonly freeValue: Money;
}

const ONE = decimal(1);
/** The largest amount that an answer may hold. */
const TOO_MUCH = decimal(1_000_000_000);

/**
 * What a use costs. `byokFee` is the platform's share of the provider's cost where a user's own key paid. Throws
 * `unpriced_model` where neither a cost nor a price is known, and `invalid_request` where it is not said how much was used.
 */
export function costOf(used: Used, find: FindPrice, byokFee: Money): Cost {
  const price = find(used.service, used.model, used.at);
  const split = splitTokens(used.counts, price);
  const stated = used.cost ?? used.providerCost;
  // A reporter who names a cost of a free model has been billed for something of it, a search say.
  const free = used.isFree ?? (isFreeModel(used.model, price) && (stated === undefined || stated.isZero()));
  const cost = free ? freeCost(used, price, split, find) : paidCost(used, price, split, byokFee);
  if (cost.totalCost.gte(TOO_MUCH)) throw tooMuch();
  return cost;
}

function tooMuch(): Fault {
  const message = "this use costs more than an amount may be";
  return new Fault("invalid_request", message, { errors: [{ path: "", message }] });
}

function paidCost(used: Used, price: Price | undefined, split: Split, byokFee: Money): Cost {
  const group = markupClass(price);
  const rate = MARKUP_RATES[group];
  const lines = used.cost === undefined && used.providerCost === undefined ? pricedLines(used, price, split) : [];
  const base = used.cost?.div(rate.plus(ONE)) ?? used.providerCost ?? baseOf(lines);
  const amounts = markUp(base, rate, used.cost);
  const charged = used.byok ? round12(base.times(byokFee)) : amounts.totalCost;
  return {
    basis: basisOf(used),
    split,
    lines,
    price,
    class: group,
    rate,
    base,
    ...amounts,
    charged,
    isFree: false,
    freeValue: ZERO,
  };
}

/** Free usage costs its user nothing; its value is told, because the free tier has limits. */
function freeCost(used: Used, price: Price | undefined, split: Split, find: FindPrice): Cost {
  const base = used.cost ?? used.providerCost ?? ZERO;
  const rate = MARKUP_RATES.free;
  const freeValue = siblingValue(used, price, find) ?? round12(base);
  return {
    basis: basisOf(used),
    split,
    lines: [],
    price,
    class: "free",
    rate,
    base,
    ...markUp(base, rate),
    charged: ZERO,
    isFree: true,
    freeValue,
  };
}

/** The three amounts of a base, rounded here and nowhere else. A stated total stays as it is. */
export function markUp(
  base: Money,
  rate: Money,
  total?: Money,
): Pick<Cost, "providerCost" | "platformMarkup" | "totalCost"> {
  const providerCost = round12(base);
  const totalCost = total ?? round12(exactTotal(base, rate));
  return { providerCost, platformMarkup: totalCost.minus(providerCost), totalCost };
}

/** base x (1 + rate), before any rounding. */
export function exactTotal(base: Money, rate: Money): Money {
  return base.times(rate.plus(ONE));
}

function baseOf(lines: readonly Line[]): Money {
  return sum(lines.map(({ quantity, price }) => quantity.times(price)));
}

function pricedLines(used: Used, price: Price | undefined, split: Split): Line[] {
  if (price === undefined || allZero(price)) throw unpricedModel(used, price);
  return chargeable(used.counts, split, price, used.at);
}

function unpricedModel({ service, model }: Used, price: Price | undefined): Fault {
  const name = model === undefined ? service : `${service} ${model}`;
  const why = price === undefined ? "no price is known for" : "only prices of 0 are listed, yet it is not free:";
  return new Fault("unpriced_model", `${why} ${name}`, {
    fix: "report cost or provider_cost, or ask an operator to set its price",
  });
}

/** What the paid model of the same name takes for this use, markup included; undefined where there is none or it cannot be told. */
function siblingValue(used: Used, price: Price | undefined, find: FindPrice): Money | undefined {
  const model = used.model?.replace(/:free$/, "");
  const sibling = model === used.model ? price : find(used.service, model, used.at);
  if (sibling === undefined || allZero(sibling)) return undefined;
  try {
    const base = baseOf(chargeable(used.counts, splitTokens(used.counts, sibling), sibling, used.at));
    return round12(exactTotal(base, MARKUP_RATES[markupClass(sibling)]));
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

function basisOf({ cost, providerCost }: Used): Basis {
  if (cost !== undefined) return "cost";
  return providerCost === undefined ? "price" : "provider_cost";
}
