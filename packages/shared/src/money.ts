/**
 * Money is exact. Every amount is a credit (1 credit = 1 USD) held as a decimal with at most 12 places;
 * prices and intermediate costs may have more. This is the only file that imports decimal.js: its default of
 * 20 significant digits silently loses money, so nobody may reach it except through this clone.
 */
import { Decimal as DecimalJs } from "decimal.js";
import { z } from "zod";

const Exact = DecimalJs.clone({ precision: 100, rounding: DecimalJs.ROUND_HALF_EVEN });

/** An exact decimal: an amount of credits, a price per unit, or a rate. */
export type Money = DecimalJs;

/** Places kept of an amount of credits, at rest and in print. */
export const PLACES = 12;

/** The exact value of a decimal text, or of a whole number. Throws on anything else. */
export function decimal(value: string | number): Money {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new TypeError(`decimal() takes a text or a whole number, not ${value}`);
  }
  // Most amounts of an account are nothing, and reading that digit by digit is not free.
  if (value === ZERO_TEXT) return ZERO;
  return new Exact(value);
}

export const ZERO: Money = new Exact(0);
const ZERO_TEXT = "0.000000000000";

/** Rounds half to even at 12 places: the one place where an amount of credits is made from a finer number. */
export function round12(value: Money): Money {
  return value.toDecimalPlaces(PLACES, DecimalJs.ROUND_HALF_EVEN);
}

/** Prints an amount with exactly 12 places. An amount with more is a bug, not something to round away. */
export function print(amount: Money): string {
  if (amount.decimalPlaces() > PLACES) throw new RangeError(`not an amount of ${PLACES} places: ${amount.toFixed()}`);
  return amount.isZero() ? ZERO_TEXT : amount.toFixed(PLACES);
}

/** The exact sum; of nothing, zero. */
export function sum(amounts: Iterable<Money>): Money {
  let total: Money | undefined;
  for (const amount of amounts) total = total === undefined ? amount : total.plus(amount);
  return total ?? ZERO;
}

/** The smaller of two. */
export function least(a: Money, b: Money): Money {
  return a.lt(b) ? a : b;
}

/** An amount as our services and databases print it, signed; parses to Money. */
export const MoneyText = z
  .string()
  .regex(/^-?\d{1,16}(\.\d{1,12})?$/)
  .transform((text) => decimal(text))
  .meta({
    id: "Money",
    description: "An exact amount of credits (1 credit = 1 USD): a decimal string of 12 places.",
    wire: { type: "string", pattern: "^-?\\d{1,16}\\.\\d{12}$", examples: ["4.999622000000"] },
  });

/** A price per unit: never negative (a price of -1 has minted credits elsewhere), up to 24 places. */
export const PriceText = z
  .string()
  .regex(
    /^\d{1,14}(\.\d{1,24})?$/,
    "a price is a decimal string of at most 14 digits before the point and 24 after it, not negative",
  )
  .transform((text) => decimal(text))
  .meta({
    id: "Price",
    description: "An exact price of one unit in credits: a decimal string, not negative.",
    wire: { type: "string", maxLength: 39, pattern: "^\\d{1,14}(\\.\\d{1,24})?$", examples: ["0.00000015"] },
  });

const AMOUNT_HELP =
  'an amount is a decimal string such as "1.50" (at most 9 digits before the point and 12 after it) or a JSON number of at most 15 significant digits';

const AMOUNT_ABOUT =
  "An exact amount of credits (1 credit = 1 USD): a decimal string, or a JSON number of at most 15 significant digits. Never rounded.";

/**
 * An amount as a request may state it, from 0: a plain decimal string, or a JSON number, taken by its shortest
 * text. Never rounded: what has more places, an exponent in a string or more digits is refused.
 */
export const AmountOrZero = z
  .union([z.string().regex(/^\d{1,9}(\.\d{1,12})?$/, AMOUNT_HELP), z.number().refine(isPlainNumber, AMOUNT_HELP)], {
    error: AMOUNT_HELP,
  })
  .transform((value) => new Exact(value))
  .meta({
    id: "AmountOrZero",
    description: AMOUNT_ABOUT,
    wire: amountOnTheWire({ pattern: "^\\d{1,9}(\\.\\d{1,12})?$" }, { minimum: 0 }),
  });

/** An amount as a request may state it, above 0. */
export const Amount = AmountOrZero.refine((amount) => amount.gt(0), "an amount must be greater than 0").meta({
  id: "Amount",
  description: `${AMOUNT_ABOUT} Above 0.`,
  wire: amountOnTheWire({ pattern: "^(?=.*[1-9])\\d{1,9}(\\.\\d{1,12})?$" }, { exclusiveMinimum: 0 }),
});

function amountOnTheWire(text: object, number: object): object {
  const asText = { type: "string", maxLength: 22, ...text };
  return { anyOf: [asText, { type: "number", maximum: 999_999_999.999999, ...number }], examples: ["1.50"] };
}

function isPlainNumber(value: number): boolean {
  if (!Number.isFinite(value) || value < 0) return false;
  const exact = new Exact(value);
  return exact.precision() <= 15 && exact.decimalPlaces() <= PLACES && exact.lt(1e9);
}
