import { Fault } from "@tollbooth/shared/fault";
import { decimal, type Money } from "@tollbooth/shared/money";
import type { PricedUnit } from "@tollbooth/shared/contracts/prices";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Catalogue } from "./catalogue.ts";
import { costOf, type Cost, type Used } from "./cost.ts";
import { MARKUP_RATES, markupClass, type NewPrice, type Rate } from "./price.ts";
import type { Counts } from "./quantities.ts";

const AT = Date.parse("2026-06-01T12:00:00Z");

function rate(text: string): Rate {
  const [unit, each, above = "0"] = text.split(" ");
  return { unit: unit as PricedUnit, price: decimal(each as string), above: Number(above) };
}

function price(model: string, rates: string, more: Partial<NewPrice> = {}): NewPrice {
  return {
    service: "s",
    model,
    position: 0,
    textOnly: false,
    source: "test",
    validFrom: -Infinity,
    rates: rates.split(", ").map(rate),
    ...more,
  };
}

// prettier-ignore
const PRICES = [
  price("budget",   "input_token 0.0000004, output_token 0.000001"),
  price("edge",     "input_token 0.0000005, output_token 0.000001"),
  price("standard", "input_token 0.0000025, output_token 0.00001, cached_token 0.00000125, cache_write_token 0.000003, reasoning_token 0.00002"),
  price("premium",  "input_token 0.000005, output_token 0.00001"),
  price("named",    "input_token 0.000005, output_token 0.00001", { class: "budget" }),
  price("long",     "input_token 0.000003, output_token 0.000015, input_token 0.000006 200000, output_token 0.00003 200000"),
  price("tiny",     "input_token 0.0000000000000014, output_token 0", { class: "standard" }),
  price("embed",    "input_token 0.00000002"),
  price("rerank",   "query 0.002, input_token 0, output_token 0"),
  price("fee",      "input_token 0.000001, output_token 0.000001, request_fee 0.012"),
  price("voice",    "second 0.0001"),
  price("both",     "second 0.0001, character 0.00001"),
  price("zero",     "input_token 0, output_token 0"),
  price("gift",     "input_token 0, output_token 0", { textOnly: true }),
  price("standard:free", "input_token 0, output_token 0", { textOnly: true }),
].map((each, i) => ({ ...each, id: String(i) }));
const { find } = new Catalogue(1n, PRICES);

const ask = (model: string | undefined, counts: Counts, more: Partial<Used> = {}): Used => ({
  service: "s",
  model,
  counts,
  cost: undefined,
  providerCost: undefined,
  isFree: undefined,
  byok: false,
  at: AT,
  ...more,
});
const cost = (model: string | undefined, counts: Counts, more: Partial<Used> = {}, byokFee = "0"): Cost =>
  costOf(ask(model, counts, more), find, decimal(byokFee));
const told = ({ providerCost, platformMarkup, totalCost, charged }: Cost) =>
  [providerCost, platformMarkup, totalCost, charged].map((amount) => amount.toFixed());
const code = (work: () => unknown): string => {
  try {
    work();
    return "ok";
  } catch (error) {
    return error instanceof Fault ? error.code : String(error);
  }
};

describe("by the price", () => {
  // prettier-ignore
  test.each([
    { name: "input and output",                     model: "standard", counts: { input_tokens: 1000, output_tokens: 100 },                             base: "0.0035" },
    { name: "cached is a part of input",            model: "standard", counts: { input_tokens: 1000, cached_tokens: 400 },                             base: "0.002" },
    { name: "written is a part of input",           model: "standard", counts: { input_tokens: 1000, cache_write_tokens: 1000 },                       base: "0.003" },
    { name: "reasoning is a part of output",        model: "standard", counts: { output_tokens: 100, reasoning_tokens: 40 },                           base: "0.0014" },
    { name: "without a price of its own it stays",  model: "premium",  counts: { input_tokens: 1000, cached_tokens: 400, output_tokens: 10, reasoning_tokens: 9 }, base: "0.0051" },
    { name: "more cached than input: never below 0", model: "standard", counts: { input_tokens: 10, cached_tokens: 40 },                               base: "0.00005" },
    { name: "more reasoning than output",           model: "standard", counts: { output_tokens: 10, reasoning_tokens: 11 },                            base: "0.00022" },
    { name: "the same, where it has no price",      model: "premium",  counts: { output_tokens: 10, reasoning_tokens: 11 },                            base: "0.0001" },
    { name: "tokens alone are half and half",       model: "premium",  counts: { tokens: 1000 },                                                       base: "0.0075" },
    { name: "the odd one is input",                 model: "premium",  counts: { tokens: 3 },                                                          base: "0.00002" },
    { name: "all input for embeddings",             model: "embed",    counts: { tokens: 1000 },                                                       base: "0.00002" },
    { name: "with input, the rest is output",       model: "premium",  counts: { tokens: 1000, input_tokens: 900 },                                    base: "0.0055" },
    { name: "up to the threshold",                  model: "long",     counts: { input_tokens: 200_000, output_tokens: 10 },                           base: "0.60015" },
    { name: "above it the whole request moves",     model: "long",     counts: { input_tokens: 200_001, output_tokens: 10 },                           base: "1.200306" },
    { name: "per second, exactly",                  model: "voice",    counts: { quantity: decimal("0.123456789012"), unit: "second" },                base: "0.0000123456789012" },
    { name: "the only unit needs no name",          model: "voice",    counts: { quantity: decimal("60") },                                            base: "0.006" },
    { name: "tokens of a voice are information",    model: "voice",    counts: { quantity: decimal("60"), tokens: 500 },                               base: "0.006" },
    { name: "per query, whatever the tokens",       model: "rerank",   counts: { quantity: decimal("3"), unit: "query", tokens: 500 },                 base: "0.006" },
    { name: "a fee beside the tokens",              model: "fee",      counts: { input_tokens: 1000 },                                                 base: "0.013" },
    { name: "zero tokens are real, and free",       model: "standard", counts: { input_tokens: 0, output_tokens: 0 },                                  base: "0" },
  ] satisfies { name: string; model: string; counts: Counts; base: string }[])("$name", ({ model, counts, base }) => {
    expect(cost(model, counts).base.toFixed()).toBe(base);
  });

  // prettier-ignore
  test.each([
    { name: "an unknown model",             model: "nobody",   counts: { tokens: 1 },                                   code: "unpriced_model" },
    { name: "no model",                     model: undefined,  counts: { tokens: 1 },                                   code: "unpriced_model" },
    { name: "prices of 0 that are no gift", model: "zero",     counts: { tokens: 1 },                                   code: "unpriced_model" },
    { name: "output without a price",       model: "embed",    counts: { input_tokens: 1, output_tokens: 1 },           code: "unpriced_model" },
    { name: "a unit without a price",       model: "standard", counts: { quantity: decimal(1), unit: "image" },         code: "unpriced_model" },
    { name: "tokens of a voice alone",      model: "voice",    counts: { tokens: 5 },                                   code: "unpriced_model" },
    { name: "nothing stated",               model: "standard", counts: {},                                              code: "invalid_request" },
    { name: "a fee, but no tokens",         model: "fee",      counts: {},                                              code: "invalid_request" },
    { name: "a quantity of either unit",    model: "both",     counts: { quantity: decimal(1) },                        code: "invalid_request" },
    { name: "a quantity of tokens",         model: "standard", counts: { quantity: decimal(1) },                        code: "invalid_request" },
    { name: "more than an amount may be",   model: "voice",    counts: { quantity: decimal("999999999999999") },        code: "invalid_request" },
  ] satisfies { name: string; model: string | undefined; counts: Counts; code: string }[])("refused, never guessed: $name", ({ model, counts, code: refusal }) => {
    expect(code(() => cost(model, counts))).toBe(refusal);
  });
});

describe("markup", () => {
  // prettier-ignore
  test.each([
    { name: "below 0.50 a million: budget",    model: "budget",   class: "budget" },
    { name: "from 0.50: standard",             model: "edge",     class: "standard" },
    { name: "below 5: standard",               model: "standard", class: "standard" },
    { name: "from 5: premium",                 model: "premium",  class: "premium" },
    { name: "the row's own class goes before", model: "named",    class: "budget" },
    { name: "without a prompt price: standard", model: "voice",   class: "standard" },
    { name: "the base price tells, not a tier", model: "long",    class: "standard" },
    { name: "an unknown model: standard",      model: "nobody",   class: "standard" },
  ])("$name", ({ model, class: group }) => {
    expect(markupClass(find("s", model, AT))).toBe(group);
  });

  // prettier-ignore
  test.each([
    { name: "on the price",                  model: "premium",  more: {},                                 amounts: ["0.01", "0.0015", "0.0115", "0.0115"] },
    { name: "on a provider's cost",          model: "nobody",   more: { providerCost: decimal("1") },     amounts: ["1", "0.1", "1.1", "1.1"] },
    { name: "inside a total",                model: "nobody",   more: { cost: decimal("1.1") },           amounts: ["1", "0.1", "1.1", "1.1"] },
    { name: "inside a total, rounded once",  model: "premium",  more: { cost: decimal("1") },             amounts: ["0.869565217391", "0.130434782609", "1", "1"] },
    { name: "on the unrounded base",         model: "tiny",     more: {},                                 amounts: ["0.000000000001", "0.000000000001", "0.000000000002", "0.000000000002"] },
    { name: "a total of nothing",            model: "nobody",   more: { cost: decimal("0") },             amounts: ["0", "0", "0", "0"] },
    { name: "own key: only the fee is paid", model: "premium",  more: { byok: true },                     amounts: ["0.01", "0.0015", "0.0115", "0.0005"] },
  ])("$name", ({ model, more, amounts }) => {
    expect(told(cost(model, { input_tokens: 1000, output_tokens: 500 }, more, "0.05"))).toEqual(amounts);
  });
});

describe("free", () => {
  // prettier-ignore
  test.each([
    { name: "by its name",                       model: "unheard:free",    more: {},                        free: true,  value: "0" },
    { name: "by its name, with a paid sibling",  model: "standard:free",   more: {},                        free: true,  value: "0.00385" },
    { name: "the free router",                   model: "openrouter/free", more: {},                        free: true,  value: "0" },
    { name: "text only, all prices 0",           model: "gift",            more: {},                        free: true,  value: "0" },
    { name: "believed of a service",             model: "standard",        more: { isFree: true },          free: true,  value: "0.00385" },
    { name: "a paid model is not",               model: "standard",        more: {},                        free: false, value: "0" },
    { name: "prices of 0 alone are not",         model: "zero",            more: { cost: decimal("1") },    free: false, value: "0" },
    { name: "billed in spite of its name",       model: "standard:free",   more: { cost: decimal("1") },    free: false, value: "0" },
    { name: "a total of 0 is",                   model: "standard:free",   more: { cost: decimal("0") },    free: true,  value: "0.00385" },
  ])("$name", ({ model, more, free, value }) => {
    const found = cost(model, { input_tokens: 1000, output_tokens: 100 }, more);
    expect([found.isFree, found.freeValue.toFixed()]).toEqual([free, value]);
    if (free) expect([found.charged.toFixed(), found.class]).toEqual(["0", "free"]);
  });
});

describe("laws", () => {
  const amount = fc
    .tuple(fc.nat(999_999_998), fc.bigInt(0n, 999_999_999_999n))
    .map(([whole, part]) => decimal(`${whole}.${String(part).padStart(12, "0")}`));
  const count = fc.option(fc.nat(1_000_000), { nil: undefined });
  const counts = fc.record({
    input_tokens: fc.nat(1_000_000),
    output_tokens: count,
    cached_tokens: count,
    cache_write_tokens: count,
    reasoning_tokens: count,
  }) as fc.Arbitrary<Counts>;
  const models = fc.constantFrom("budget", "edge", "standard", "premium", "named", "long", "fee");
  const runs = { numRuns: 1000 };
  const adds = (found: Cost) => {
    expect(found.providerCost.plus(found.platformMarkup).eq(found.totalCost)).toBe(true);
    for (const part of [found.providerCost, found.platformMarkup, found.totalCost, found.charged])
      expect(part.decimalPlaces() <= 12 && part.gte(0)).toBe(true);
  };

  test("provider's cost and markup are the total, of 12 places, never negative", () => {
    fc.assert(
      fc.property(models, counts, (model, some) => adds(cost(model, some))),
      runs,
    );
    fc.assert(
      fc.property(models, amount, (model, some) => adds(cost(model, {}, { cost: some }))),
      runs,
    );
    fc.assert(
      fc.property(models, amount, (model, some) =>
        adds(cost(model, {}, { providerCost: some.div(2).toDecimalPlaces(12) })),
      ),
      runs,
    );
  });

  test("a stated total is what is charged, to the last digit", () => {
    fc.assert(
      fc.property(models, amount, (model, some) => {
        expect(cost(model, {}, { cost: some }).charged.toFixed()).toBe(some.toFixed());
      }),
      runs,
    );
  });

  test("rounding moves the total by less than a digit of the last place", () => {
    const off = (a: Money, b: Money) => a.minus(b).abs().lte(decimal("0.0000000000005"));
    fc.assert(
      fc.property(models, counts, (model, some) => {
        const found = cost(model, some);
        expect(off(found.totalCost, found.base.times(found.rate.plus(1)))).toBe(true);
      }),
      runs,
    );
  });

  test("using more of something never costs less", () => {
    fc.assert(
      fc.property(models, counts, fc.nat(500_000), (model, some, more) => {
        const grown = {
          ...some,
          input_tokens: (some.input_tokens ?? 0) + more,
          output_tokens: (some.output_tokens ?? 0) + more,
        };
        expect(cost(model, grown).totalCost.gte(cost(model, some).totalCost)).toBe(true);
      }),
      runs,
    );
  });

  test("where no part exceeds its whole, the lines count every token once", () => {
    fc.assert(
      fc.property(
        models,
        fc.nat(1_000_000),
        fc.nat(1_000_000),
        fc.nat(100),
        fc.nat(100),
        fc.nat(100),
        (model, input, output, c, w, r) => {
          const parts = {
            cached_tokens: Math.floor((input * c) / 200),
            cache_write_tokens: Math.floor((input * w) / 200),
            reasoning_tokens: Math.floor((output * r) / 100),
          };
          const { lines } = cost(model, { input_tokens: input, output_tokens: output, ...parts });
          const tokens = lines
            .filter((line) => line.unit !== "request_fee")
            .reduce((total, line) => total + line.quantity.toNumber(), 0);
          expect(tokens).toBe(input + output);
        },
      ),
      runs,
    );
  });

  test("the classes' rates are 0, 5, 10 and 15 percent", () => {
    expect(Object.entries(MARKUP_RATES).map(([group, value]) => `${group} ${value.toFixed()}`)).toEqual([
      "free 0",
      "budget 0.05",
      "standard 0.1",
      "premium 0.15",
    ]);
  });
});
