import fc from "fast-check";
import { expect, test } from "vitest";
import { decimal } from "@tollbooth/shared/money";
import { chatOf } from "./body.ts";
import { affordableTokens, amountFor, boundOf, presetTokens, type Lengths, type Quote } from "./estimate.ts";

const rate = (unit: string, price: string, more: object = {}) => ({ unit, price: decimal(price), ...more }) as Rate;
type Rate = NonNullable<Quote["rates"]>[number];
const UNKNOWN: Lengths = { contextTokens: undefined, outputTokensMax: undefined };
const paid = (...rates: Rate[]): Quote => ({
  isFree: false,
  markupClass: "standard",
  markupRate: decimal("0.1"),
  rates,
});
const FREE: Quote = { isFree: true, markupClass: "free", markupRate: decimal(0), rates: undefined };
const of = (quote: Quote, lengths = UNKNOWN) => ({ quote, lengths, hourPrice: decimal("0.003") });
const wanted = (more: object = {}) => ({
  ...chatOf({ model: "a/b", messages: ["x"], ...more }),
  promptTokensMax: 1000,
});

// prettier-ignore
test.each([
  { name: "tokens and markup",                          rates: [rate("input_token", "0.001"), rate("output_token", "0.002")],                          more: {},                  before: "1.1",   perToken: "0.0022" },
  { name: "the fee of a request, and a search",         rates: [rate("input_token", "0.001"), rate("request_fee", "0.5"), rate("query", "0.5")],       more: {},                  before: "2.2",   perToken: "0" },
  { name: "a cache that is written, where it is dearer", rates: [rate("input_token", "0.001"), rate("cache_write_token", "0.002")],                    more: {},                  before: "2.2",   perToken: "0" },
  { name: "a cache that is kept for an hour",           rates: [rate("input_token", "0.001"), rate("cache_write_token", "0.002")],                     more: { cache_control: { type: "ephemeral", ttl: "1h" } }, before: "3.3", perToken: "0" },
  { name: "thinking, where it is dearer",               rates: [rate("output_token", "0.001"), rate("reasoning_token", "0.003")],                      more: {},                  before: "0",     perToken: "0.0033" },
  { name: "each of its choices",                        rates: [rate("output_token", "0.001")],                                                        more: { n: 3 },            before: "0",     perToken: "0.0033" },
  { name: "the price of a long prompt",                 rates: [rate("input_token", "0.001"), rate("input_token", "0.002", { above_tokens: 999 })],    more: {},                  before: "2.2",   perToken: "0" },
  { name: "not the price of a longer one",              rates: [rate("input_token", "0.001"), rate("input_token", "0.002", { above_tokens: 1001 })],   more: {},                  before: "1.1",   perToken: "0" },
  { name: "the dearest hour",                           rates: [rate("input_token", "0.001"), rate("input_token", "0.004", { utc_from: "01:00" })],    more: {},                  before: "4.4",   perToken: "0" },
  { name: "tools that search the web",                  rates: [rate("input_token", "0.001")],                                                         more: { plugins: [{}] },   before: "1.6",   perToken: "0" },
])("a bound holds $name", ({ rates, more, before, perToken }) => {
  const bound = boundOf(wanted(more), [of(paid(...rates))]);
  expect([bound?.before.toFixed(), bound?.perToken.toFixed()]).toEqual([before, perToken]);
});

test("the dearest of several models bounds them all, a free one costs nothing, one without a price has no bound", () => {
  const [cheap, dear] = [paid(rate("input_token", "0.001")), paid(rate("output_token", "0.002"))];
  const bound = boundOf(wanted(), [of(cheap), of(dear), of(FREE)]);
  expect([bound?.before.toFixed(), bound?.perToken.toFixed()]).toEqual(["1.1", "0.0022"]);
  expect(boundOf(wanted(), [of(cheap), of({ ...cheap, rates: undefined })])).toBeUndefined();
  expect(boundOf(wanted(), [of(paid(rate("input_token", "0")))])).toBeUndefined();
});

test("a prompt is never longer than its model takes", () => {
  const bound = boundOf(wanted(), [of(paid(rate("input_token", "0.001")), { ...UNKNOWN, contextTokens: 100 })]);
  expect(bound?.before.toFixed()).toBe("0.11");
});

test("what can be paid for is set aside within what is there, and one token more is not", () => {
  const price = fc.integer({ min: 1, max: 10 ** 9 }).map((n) => decimal(n).div(decimal(10).pow(11)));
  fc.assert(
    fc.property(price, price, fc.integer({ min: 0, max: 10 ** 6 }), (before, perToken, cents) => {
      const [bound, available] = [{ before, perToken }, decimal(cents).div(100)];
      const tokens = affordableTokens(bound, available);
      if (tokens > 0) expect(amountFor(bound, tokens).lte(available)).toBe(true);
      expect(
        amountFor(bound, tokens + 1)
          .plus("0.000000000001")
          .gt(available),
      ).toBe(true);
      expect(amountFor(bound, tokens).gte(before.plus(perToken.times(tokens)))).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

// prettier-ignore
test.each([
  { name: "16,384 where nothing is known",     lengths: [UNKNOWN],                                              tokens: 16_384 },
  { name: "what the model says at most",       lengths: [{ contextTokens: 1e6, outputTokensMax: 4096 }],        tokens: 4096 },
  { name: "a quarter of a short context",      lengths: [{ contextTokens: 8192, outputTokensMax: undefined }],  tokens: 2048 },
  { name: "what the least of them can",        lengths: [UNKNOWN, { contextTokens: 1e6, outputTokensMax: 10 }], tokens: 10 },
])("an answer of no stated length has $name", ({ lengths, tokens }) => {
  expect(presetTokens(lengths)).toBe(tokens);
});
