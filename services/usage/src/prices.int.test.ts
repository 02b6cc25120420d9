import { randomUUID } from "node:crypto";
import { getPrice, importPrices, priceHistory, quoteCost, setPrice } from "@tollbooth/shared/contracts/prices";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import type { Tx } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { LIST } from "./price-list.ts";
import { readPrices } from "./prices.store.ts";
import { Prices } from "./prices.ts";
import { admin, openUsage, plain, service, type TestUsage } from "./testing/service.ts";

const { db } = await testDatabase("usage");
// Two replicas of the service on one database.
const [usage, other] = [await openUsage(db), await openUsage(db)];
const rows = async () => (await db.one(z.object({ n: z.coerce.number() }), sql`select count(*) as n from prices`)).n;
const version = async () =>
  (await db.one(z.object({ version: z.string() }), sql`select version from catalogue`)).version;

test("a service that starts again adds no price", async () => {
  const before = [await rows(), await version()];
  await Promise.all([openUsage(db), openUsage(db)]);
  expect([await rows(), await version()]).toEqual(before);
  expect(await rows()).toBeGreaterThan(1500);
});

test("a service that comes with another list than the last takes it over, whichever came first", async () => {
  const elsewhere = (await testDatabase("usage")).db;
  const inputOf = async (asked: TestUsage) =>
    (await asked.ask(getPrice, { service: "embedding", model: "any" }, service)).rates[0]?.price.toFixed();
  const prices = new Prices(randomUUID);
  const first = (await prices.seed(elsewhere, Date.now())).find((price) => price.service === "embedding");
  if (first === undefined) throw new Error("embeddings have no price");
  // As a service with another list does it.
  const rates = first.rates.map((rate) => ({ ...rate, price: rate.price.times(2) }));
  await elsewhere.tx((tx) => prices.change(tx, () => [{ ...first, rates, validFrom: Date.now() }]));
  expect(await inputOf(await openUsage(elsewhere))).toBe("0.00000004");
  const count = () => elsewhere.run(sql`select from prices`);
  const before = await count();
  await elsewhere.run(sql`update catalogue set listed = 'another'`);
  expect(await inputOf(await openUsage(elsewhere))).toBe("0.00000002");
  // Of all the others it is known that they are as they were.
  expect(await count()).toBe(before + 1);
  expect(await elsewhere.run(sql`select from catalogue where listed = ${LIST}`)).toBe(1);
}, 30_000);

describe("a price that is set", () => {
  const sheet = (input: string) => ({
    service: "lab",
    model: "m",
    rates: [
      { unit: "input_token" as const, price: input },
      { unit: "output_token" as const, price: input },
    ],
  });

  test("holds for the time before if it is the first, else from now on, in every replica at once", async () => {
    const report = (id: string, minutesAgo: number) => ({
      service: "lab",
      model: "m",
      tokens: 1000,
      event_id: id,
      occurred_at: new Date(Date.now() - minutesAgo * 60_000).toISOString(),
    });
    const asker = plain("lab-user");
    expect(await other.code(trackUsage, report("a", 60), asker)).toBe("unpriced_model");
    expect((await usage.ask(setPrice, sheet("0.000001"), admin)).valid_from).toBeNull();
    expect((await other.ask(trackUsage, report("b", 60), asker)).provider_cost.toFixed()).toBe("0.001");
    const changed = await usage.ask(setPrice, sheet("0.000002"), admin);
    expect(changed.valid_from).toBeGreaterThan(Date.now() - 60_000);
    const [late, now] = [
      await other.ask(trackUsage, report("c", 60), asker),
      await other.ask(trackUsage, { ...report("d", 0), occurred_at: undefined }, asker),
    ];
    expect([late, now].map((event) => event.provider_cost.toFixed())).toEqual(["0.001", "0.002"]);
  });

  test("leaves a history: the model's own rows and those it was priced by before, latest first", async () => {
    const [known] = await usage.ask(priceHistory, { service: "openai", model: "gpt-4.1" }, service);
    await usage.ask(setPrice, { ...sheet("0.000003"), service: "openai", model: "gpt-4.1" }, admin);
    await usage.ask(setPrice, { ...sheet("0.000004"), service: "openai", model: "gpt-4.1" }, admin);
    const history = await other.ask(priceHistory, { service: "openai", model: "GPT-4.1" }, service);
    expect(history.map(({ source, rates }) => `${source} ${rates[0]?.price.toFixed()}`).slice(0, 3)).toEqual([
      "admin 0.000004",
      "admin 0.000003",
      `genai-prices ${known?.rates[0]?.price.toFixed()}`,
    ]);
    expect(await usage.ask(priceHistory, { service: "openai", model: "gpt-4.1", limit: 1 }, service)).toEqual(
      history.slice(0, 1),
    );
    expect(await usage.ask(priceHistory, { service: "nobody's" }, service)).toEqual([]);
  });

  test("can be asked for, as it was at another time too", async () => {
    await usage.ask(setPrice, { ...sheet("0.000005"), model: "asked", class: "premium", text_only: true }, admin);
    const told = await usage.text(getPrice, { service: "lab", model: "asked", at: "2020-01-01T00:00:00Z" }, service);
    expect(JSON.parse(told)).toMatchObject({
      service: "lab",
      model: "asked",
      class: "premium",
      text_only: true,
      source: "admin",
      valid_from: null,
      rates: [
        { unit: "input_token", price: "0.000005" },
        { unit: "output_token", price: "0.000005" },
      ],
    });
    expect(await usage.code(getPrice, { service: "lab", model: "unknown" }, service)).toBe("not_found");
  });

  test("keeps 24 places, thresholds and times of day", async () => {
    const rates = [
      { unit: "input_token" as const, price: "0.000000020833333333333333" },
      { unit: "input_token" as const, price: "0.000000041666666666666666", above_tokens: 200_000 },
      { unit: "input_token" as const, price: "0.00000001", utc_from: "16:30", utc_to: "00:30" },
    ];
    await usage.ask(setPrice, { service: "lab", model: "fine", rates }, admin);
    const told = JSON.parse(await other.text(getPrice, { service: "lab", model: "fine" }, service)) as {
      rates: object[];
    };
    expect(told.rates.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))).toEqual(
      rates.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
    );
    const quote = (at: string, tokens: number) =>
      usage.ask(
        quoteCost,
        { service: "lab", model: "fine", input_tokens: tokens, at: `2026-06-01T${at}:00Z` },
        service,
      );
    expect((await quote("12:00", 1)).lines[0]?.price.toFixed()).toBe("0.000000020833333333333333");
    expect((await quote("12:00", 200_001)).lines[0]?.price.toFixed()).toBe("0.000000041666666666666666");
    expect((await quote("16:30", 1)).lines[0]?.price.toFixed()).toBe("0.00000001");
    expect((await quote("00:30", 1)).lines[0]?.price.toFixed()).toBe("0.000000020833333333333333");
  });

  // prettier-ignore
  test.each([
    { name: "is negative",                 rates: [{ unit: "input_token", price: "-1" }] },
    { name: "is missing",                  rates: [{ unit: "input_token" }] },
    { name: "is none",                     rates: [] },
    { name: "is a number",                 rates: [{ unit: "input_token", price: 0.1 }] },
    { name: "is for no unit of ours",      rates: [{ unit: "web_search", price: "1" }] },
    { name: "is given twice",              rates: [{ unit: "input_token", price: "1" }, { unit: "input_token", price: "2" }] },
    { name: "has a time without an end",   rates: [{ unit: "input_token", price: "1", utc_from: "10:00" }] },
    { name: "has a time of no length",     rates: [{ unit: "input_token", price: "1", utc_from: "10:00", utc_to: "10:00" }] },
  ])("is refused where it $name", async ({ rates }) => {
    expect(await usage.code(setPrice, { service: "lab", model: "bad", rates }, admin)).toBe("invalid_request");
  });

  test("is an admin's to set, and a list a service's to hand over", async () => {
    expect(await usage.code(setPrice, sheet("1"), service)).toBe("forbidden");
    expect(await usage.code(importPrices, { service: "lab", source: "x", prices: [] }, plain("u"))).toBe("forbidden");
    expect(await usage.code(quoteCost, { service: "lab", tokens: 1 }, plain("u"))).toBe("forbidden");
  });

  test("is set one after the other, whoever sets it", async () => {
    const set = (i: number) =>
      (i % 2 ? usage : other).ask(setPrice, { ...sheet(`0.${i + 1}1`), model: "raced" }, admin);
    const told = await Promise.all(Array.from({ length: 10 }, (_, i) => set(i)));
    expect(new Set(told.map((row) => row.valid_from)).size).toBe(10);
    expect(told.filter((row) => row.valid_from === null).length).toBe(1);
  });
});

test("a price that is set while the catalogue is read is never seen without what it costs", async () => {
  let asked = 0;
  const racing: Tx = {
    ...db,
    many: async (row, query) => {
      const found = await db.many(row, query);
      const rates = [{ unit: "input_token" as const, price: "1" }];
      await usage.ask(setPrice, { service: "lab", model: `meanwhile-${++asked}`, rates }, admin);
      return found;
    },
  };
  const read = await readPrices(racing);
  expect(asked).toBe(2);
  expect(read.filter((price) => price.rates.length === 0)).toEqual([]);
});

test("a list is taken over: what is new or changed, and a bad price sinks no other", async () => {
  const model = (name: string, input: string) => ({
    model: name,
    text_only: true,
    rates: [{ unit: "input_token", price: input }],
  });
  const hand = (...prices: unknown[]) =>
    usage.ask(importPrices, { service: "router", source: "router", prices }, service);
  expect(await hand(model("a", "0.1"), model("b", "-1"), model("c", "0"), model("A", "0.2"), "nonsense")).toMatchObject(
    { changed: 2, unchanged: 0, quarantined: 1, refused: [{ index: 3 }, { index: 4 }] },
  );
  const good = { quarantined: 0, refused: [] };
  expect(await hand(model("a", "0.1"), model("c", "0.3"))).toEqual({ changed: 1, unchanged: 1, ...good });
  expect(await hand(model("a", "0.1"), model("c", "0.3"))).toEqual({ changed: 0, unchanged: 2, ...good });
});

test("a quote tells how the cost comes about, and records nothing", async () => {
  const quote: unknown = JSON.parse(
    await usage.text(
      quoteCost,
      { service: "openai", model: "gpt-4o", input_tokens: 1000, cached_tokens: 400, output_tokens: 10 },
      service,
    ),
  );
  expect(quote).toEqual({
    provider_cost: "0.002100000000",
    platform_markup: "0.000210000000",
    total_cost: "0.002310000000",
    charged: "0.002310000000",
    is_free: false,
    free_value: "0.000000000000",
    markup_class: "standard",
    markup_rate: "0.1",
    split_assumed: false,
    lines: [
      { unit: "input_token", quantity: "600", price: "0.0000025" },
      { unit: "cached_token", quantity: "400", price: "0.00000125" },
      { unit: "output_token", quantity: "10", price: "0.00001" },
    ],
    price_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
  });
  expect(await usage.code(quoteCost, { service: "openai", model: "nobody", tokens: 1 }, service)).toBe(
    "unpriced_model",
  );
});
