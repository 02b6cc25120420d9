import { createHash } from "node:crypto";
import { calcPrice, waitForUpdate, type Provider } from "@pydantic/genai-prices";
import { decimal } from "@tollbooth/shared/money";
import { expect, test } from "vitest";
import { Catalogue } from "./catalogue.ts";
import { costOf } from "./cost.ts";
import { LIST, listedPrices, platformPrices } from "./price-list.ts";

const providers = (await waitForUpdate()) as Provider[];
const prices = [...listedPrices(providers), ...platformPrices()].map((price, i) => ({ ...price, id: String(i) }));
const catalogue = new Catalogue(1n, prices);

test("a list that was read otherwise, or is another one, has another sum: services take it over", () => {
  const text = JSON.stringify([...listedPrices(providers), ...platformPrices()]);
  expect(LIST).toBe(createHash("sha256").update(text).digest("hex"));
});

test("every row of the list that has a unit of ours is taken over, and each model of it is found again", () => {
  const missing = providers.flatMap((provider) =>
    provider.models
      .filter(
        (model) =>
          calcPrice({ input_tokens: 1000, output_tokens: 1000 }, model.id, { providerId: provider.id })?.total_price,
      )
      .filter((model) => catalogue.find(provider.id, model.id, Date.now()) === undefined)
      .map((model) => `${provider.id} ${model.id}`),
  );
  expect(missing).toEqual([]);
  expect(prices.length).toBeGreaterThan(1500);
});

// The list's own arithmetic is in floats: it must agree to what a float can hold, for every model, below and above the tiers.
const MOMENTS = ["2026-09-25T02:00:00Z", "2026-09-25T12:00:00Z", "2027-02-01T20:00:00Z"].map((text) =>
  Date.parse(text),
);
const SIZES = [
  { input: 1000, cached: 100, written: 50, output: 200 },
  { input: 300_000, cached: 1000, written: 0, output: 1000 },
];

const cases = providers.flatMap((provider) =>
  provider.models.flatMap((model) => MOMENTS.flatMap((at) => SIZES.map((size) => ({ provider, model, at, size })))),
);

function theirs({ provider, model, at, size }: (typeof cases)[number]): number {
  const usage = {
    input_tokens: size.input,
    cache_read_tokens: size.cached,
    cache_write_tokens: size.written,
    output_tokens: size.output,
  };
  return calcPrice(usage, model.id, { providerId: provider.id, timestamp: new Date(at) })?.total_price ?? 0;
}

function ours({ provider, model, at, size }: (typeof cases)[number]): string {
  // Theirs gives away what has no price; here that is refused, so it is not asked.
  const priced = (unit: string) =>
    catalogue.find(provider.id, model.id, at)?.rates.some((rate) => rate.unit === unit) ?? false;
  const counts = {
    cached_tokens: size.cached,
    cache_write_tokens: size.written,
    ...(priced("input_token") && { input_tokens: size.input }),
    ...(priced("output_token") && { output_tokens: size.output }),
  };
  const used = {
    service: provider.id,
    model: model.id,
    counts,
    cost: undefined,
    providerCost: undefined,
    isFree: false,
    byok: false,
    at,
  };
  return costOf(used, catalogue.find, decimal("0")).base.toFixed();
}

test("what the list prices in floats, the catalogue prices alike", () => {
  const priced = cases.filter((each) => theirs(each) > 0);
  const different = priced
    .map((each) => ({
      of: `${each.provider.id} ${each.model.id} ${each.size.input} ${new Date(each.at).toISOString()}`,
      theirs: theirs(each),
      ours: ours(each),
    }))
    .filter((each) => !(Math.abs(Number(each.ours) - each.theirs) <= each.theirs * 1e-9));
  expect(different).toEqual([]);
  expect(priced.length).toBeGreaterThan(5000);
});

// prettier-ignore
test.each([
  { name: "a price per million",         service: "openai",    model: "gpt-4o",                unit: "input_token",  price: "0.0000025" },
  { name: "a dated name",                service: "openai",    model: "gpt-4o-2024-08-06",     unit: "output_token", price: "0.00001" },
  { name: "a name in another case",      service: "openai",    model: "GPT-4o",                unit: "input_token",  price: "0.0000025" },
  { name: "a price per hour",            service: "openai",    model: "whisper-1",             unit: "second",       price: "0.0001" },
  { name: "a fee for each request",      service: "perplexity", model: "sonar",                unit: "request_fee",  price: "0.012" },
  { name: "a fallback provider's model", service: "azure",     model: "claude-3-haiku",        unit: "input_token",  price: "0.00000025" },
  { name: "any model of our embeddings", service: "embedding", model: "whatever",              unit: "input_token",  price: "0.00000002" },
  { name: "our search, without a model", service: "center-deep", model: undefined,             unit: "query",        price: "0.005" },
])("$name is found, exactly", ({ service, model, unit, price }) => {
  const found = catalogue.find(service, model, Date.parse("2026-10-01T00:00:00Z"));
  expect(found?.rates.find((rate) => rate.unit === unit)?.price.toFixed()).toBe(price);
});

test("a model nobody knows has no price, and neither has a service nobody knows", () => {
  expect(catalogue.find("openai", "no-such-model", 0)).toBeUndefined();
  expect(catalogue.find("no-such-service", "gpt-4o", 0)).toBeUndefined();
  expect(catalogue.find("openai", undefined, 0)).toBeUndefined();
});

test("a price changes at its start date and not a millisecond before", () => {
  const start = Date.parse("2026-08-21");
  const input = (at: number) =>
    catalogue
      .find("openai", "gpt-5.6-sol", at)
      ?.rates.find((rate) => rate.unit === "input_token")
      ?.price.toFixed();
  expect([input(start - 1), input(start)]).toEqual(["0.000005", "0.000004"]);
});
