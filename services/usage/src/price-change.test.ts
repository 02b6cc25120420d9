import { decimal } from "@tollbooth/shared/money";
import { describe, expect, test } from "vitest";
import { Catalogue } from "./catalogue.ts";
import { doubtOf, newlyListed, setNow } from "./price-change.ts";
import type { NewPrice, Rate } from "./price.ts";

const NOW = 1000;

function price(model: string, input: string, validFrom = -Infinity, more: Partial<NewPrice> = {}): NewPrice {
  const rates = [{ unit: "input_token" as const, price: decimal(input), above: 0 }];
  return { service: "s", model, position: 0, textOnly: false, source: "list", validFrom, rates, ...more };
}
const catalogue = (...prices: NewPrice[]) =>
  new Catalogue(
    1n,
    prices.map((each, i) => ({ ...each, id: String(i) })),
  );
const told = (prices: readonly NewPrice[]) =>
  prices.map((each) => `${each.model} ${each.rates[0]?.price.toFixed()} from ${each.validFrom}`);

describe("what a fresh list adds", () => {
  // prettier-ignore
  test.each([
    { name: "to nothing: all of it, with its past",     stored: [],                                            listed: [price("a", "1"), price("a", "2", 500)],    adds: ["a 1 from -Infinity", "a 2 from 500"] },
    { name: "to itself: nothing",                       stored: [price("a", "1"), price("a", "2", 500)],       listed: [price("a", "1"), price("a", "2", 500)],    adds: [] },
    { name: "to another price: the new one, from now",  stored: [price("a", "1")],                             listed: [price("a", "3")],                          adds: ["a 3 from 1000"] },
    { name: "never a change of the past",               stored: [price("a", "1")],                             listed: [price("a", "1"), price("a", "2", 500)],    adds: ["a 2 from 1000"] },
    { name: "a start that is still to come",            stored: [price("a", "1")],                             listed: [price("a", "1"), price("a", "2", 2000)],   adds: ["a 2 from 2000"] },
    { name: "such a start once",                        stored: [price("a", "1"), price("a", "2", 2000)],      listed: [price("a", "1"), price("a", "2", 2000)],   adds: [] },
    { name: "not to a model that an operator has set",  stored: [price("a", "1"), price("a", "9", 500, { source: "admin" })], listed: [price("a", "3")],           adds: [] },
    { name: "later than what was added this moment",    stored: [price("a", "1"), price("a", "2", 1000)],      listed: [price("a", "3")],                          adds: ["a 3 from 1001"] },
  ])("$name", ({ stored, listed, adds }) => {
    expect(told(newlyListed(listed, catalogue(...stored), NOW))).toEqual(adds);
  });
});

describe("what a price that is set adds", () => {
  const byAdmin = (model: string, input: string) => price(model, input, 0, { source: "admin" });
  // prettier-ignore
  test.each([
    { name: "the first of a model also holds before",   stored: [],                                              set: byAdmin("a", "1"), adds: ["a 1 from -Infinity"] },
    { name: "a change holds from now",                  stored: [price("a", "1")],                               set: byAdmin("a", "2"), adds: ["a 2 from 1000"] },
    { name: "the same price is no change",              stored: [price("a", "1")],                               set: byAdmin("a", "1"), adds: [] },
    { name: "nor is one that a clause gives",           stored: [price("b", "1", -Infinity, { match: { starts_with: "a" } })], set: byAdmin("a", "1"), adds: [] },
    { name: "another than a clause gives is",           stored: [price("b", "1", -Infinity, { match: { starts_with: "a" } })], set: byAdmin("a", "2"), adds: ["a 2 from 1000"] },
    { name: "a list changes what a list has set",       stored: [price("a", "1")],                               set: price("a", "2", 0, { source: "import" }), adds: ["a 2 from 1000"] },
    { name: "but not what an operator has set",         stored: [byAdmin("a", "1")],                             set: price("a", "2", 0, { source: "import" }), adds: [] },
    { name: "that it gives only text is a change",      stored: [price("a", "0")],                               set: price("a", "0", 0, { textOnly: true }),   adds: ["a 0 from 1000"] },
  ])("$name", ({ stored, set, adds }) => {
    expect(told(setNow(set, catalogue(...stored), NOW))).toEqual(adds);
  });
});

test("a name's own price goes before clauses, clauses in their order, and then the service's", () => {
  const { find } = catalogue(
    price("", "1"),
    price("x", "2", -Infinity, { match: { contains: "gpt" }, position: 2 }),
    price("y", "3", -Infinity, { match: { starts_with: "gpt-4" }, position: 1 }),
    price("gpt-4-mini", "4"),
  );
  const priceOf = (model?: string) => find("s", model, NOW)?.rates[0]?.price.toFixed();
  expect([priceOf("GPT-4-mini"), priceOf("gpt-4o"), priceOf("gpt-3"), priceOf("llama"), priceOf()]).toEqual([
    "4",
    "3",
    "2",
    "1",
    "1",
  ]);
});

describe("a listed price", () => {
  const of = (unit: Rate["unit"], amount: string, above = 0): Rate => ({ unit, price: decimal(amount), above });
  const [input, output] = [of("input_token", "1"), of("output_token", "2")];

  // prettier-ignore
  test.each([
    { name: "of a new model is believed",                held: undefined,               listed: [of("input_token", "900")],                 doubt: undefined },
    { name: "that rises tenfold is believed",            held: [input, output],         listed: [of("input_token", "10"), output],          doubt: undefined },
    { name: "that rises more is not",                    held: [input, output],         listed: [input, of("output_token", "20.01")],       doubt: "output_token would rise from 2 to 20.01" },
    { name: "that falls is believed",                    held: [input, output],         listed: [of("input_token", "0"), output],           doubt: undefined },
    { name: "of what was free is believed",              held: [of("input_token", "0")], listed: [input],                                   doubt: undefined },
    { name: "is compared with that of the same length",  held: [input],                 listed: [input, of("input_token", "11", 1000)],     doubt: undefined },
  ])("$name", ({ held, listed, doubt }) => {
    const stored = held === undefined ? [] : [price("a", "1", -Infinity, { rates: held })];
    expect(doubtOf(price("A", "1", NOW, { rates: listed }), catalogue(...stored), NOW)).toBe(doubt);
  });

  test("is not compared with that of other models whose clauses hold for it", () => {
    const match = { equals: "a" } as unknown as NonNullable<NewPrice["match"]>;
    expect(doubtOf(price("a", "900"), catalogue(price("b", "1", -Infinity, { match })), NOW)).toBeUndefined();
  });
});
