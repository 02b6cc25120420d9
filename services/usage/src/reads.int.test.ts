import fc from "fast-check";
import {
  trackUsage,
  trackUsageBatch,
  usageByModel,
  usageByService,
  usageDaily,
  usageFreeTier,
  usageSummary,
} from "@tollbooth/shared/contracts/usage";
import { decimal, sum } from "@tollbooth/shared/money";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { afterEach, describe, expect, test } from "vitest";
import { tendMonths } from "./partitions.ts";
import { admin, breaches, openUsage, plain, service } from "./testing/service.ts";

const { db } = await testDatabase("usage");
const usage = await openUsage(db);
const NOW = Date.parse("2026-06-15T12:34:56.789Z");
const DAY = 86_400_000;
await tendMonths(db, NOW, 24);
afterEach(() => usage.at());

let users = 0;
const someone = () => `user-${++users}`;

const MODELS = [
  { service: "openai", model: "gpt-4o" },
  { service: "openai", model: "gpt-4o-mini" },
  { service: "openrouter", model: "meta-llama/llama-3.3-70b-instruct:free" },
  { service: "chat" },
] as const;
const someEvents = fc.array(
  fc.record({
    back: fc.integer({ min: 0, max: 34 * DAY }),
    of: fc.nat(3),
    tokens: fc.nat(5000),
    cost: fc.nat(1_000_000),
    id: fc.nat(30),
  }),
  { minLength: 1, maxLength: 40 },
);
const somePeriod = fc.tuple(fc.integer({ min: -DAY, max: 36 * DAY }), fc.integer({ min: 0, max: 36 * DAY }));

test("every read equals a scan of the events: any period, late events, duplicates", async () => {
  await fc.assert(
    fc.asyncProperty(someEvents, fc.array(somePeriod, { minLength: 1, maxLength: 5 }), async (events, periods) => {
      usage.at(NOW);
      const userId = someone();
      const reports = events.map(({ back, of, tokens, cost, id }) => ({
        ...MODELS[of as 0],
        tokens,
        cost: decimal(cost).div(1_000_000).toFixed(),
        event_id: `e${id}`,
        occurred_at: new Date(NOW - back).toISOString(),
      }));
      await usage.ask(trackUsageBatch, { events: reports }, plain(userId));
      const kept = reports.filter(
        (report, i) => reports.findIndex(({ event_id }) => event_id === report.event_id) === i,
      );
      for (const [back, length] of periods) {
        const [start, end] = [NOW - back, NOW - back + length];
        const within = kept.filter(
          ({ occurred_at }) => Date.parse(occurred_at) >= start && Date.parse(occurred_at) < end,
        );
        const asked = { start_date: new Date(start).toISOString(), end_date: new Date(end).toISOString() };
        const [summary, models, services] = await Promise.all([
          usage.ask(usageSummary, asked, plain(userId)),
          usage.ask(usageByModel, asked, plain(userId)),
          usage.ask(usageByService, asked, plain(userId)),
        ]);
        const cost = sum(within.map((report) => decimal(report.cost))).toFixed();
        const tokens = within.reduce((total, report) => total + report.tokens, 0);
        expect([summary.total_events, summary.total_tokens, summary.total_cost.toFixed()]).toEqual([
          within.length,
          tokens,
          cost,
        ]);
        expect(summary.free_tier_events + summary.paid_tier_events).toBe(within.length);
        expect(summary.period).toEqual({ start, end });
        for (const rows of [models, services]) {
          expect(rows.reduce((total, row) => total + row.event_count, 0)).toBe(within.length);
          expect(sum(rows.map((row) => row.total_cost)).toFixed()).toBe(cost);
          expect(rows.map((row) => row.total_cost.toNumber())).toEqual(
            rows.map((row) => row.total_cost.toNumber()).toSorted((a, b) => b - a),
          );
        }
        expect(models.length).toBe(
          new Set(within.map((report) => `${report.service} ${"model" in report ? report.model : ""}`)).size,
        );
      }
    }),
    { numRuns: 50 },
  );
  expect(await breaches(db)).toEqual([]);
});

describe("what a user used", () => {
  const userId = someone();
  const report = (of: number, minutesAgo: number, more: object = {}) => ({
    ...MODELS[of as 0],
    occurred_at: new Date(NOW - minutesAgo * 60_000).toISOString(),
    ...more,
  });
  const filled = (async () => {
    usage.at(NOW);
    const events = [
      report(0, 1, { input_tokens: 1000, output_tokens: 100 }),
      report(0, 2, { input_tokens: 500 }),
      report(2, 3, { tokens: 50 }),
      report(3, 60 * 24, { cost: "1.5", tokens: 5 }),
    ];
    await usage.ask(trackUsageBatch, { events }, plain(userId));
  })();

  test("is told by service in the summary, with free and paid apart", async () => {
    await filled;
    usage.at(NOW);
    expect(JSON.parse(await usage.text(usageSummary, {}, plain(userId)))).toEqual({
      total_events: 4,
      total_tokens: 1655,
      total_cost: "1.505225000000",
      free_tier_events: 1,
      paid_tier_events: 3,
      services: {
        chat: { event_count: 1, tokens: 5, cost: "1.500000000000" },
        openai: { event_count: 2, tokens: 1600, cost: "0.005225000000" },
        openrouter: { event_count: 1, tokens: 50, cost: "0.000000000000" },
      },
      period: { start: "2026-05-16T12:34:56.789Z", end: "2026-06-15T12:34:56.789Z" },
    });
  });

  test("is told by model and by service, highest cost first", async () => {
    await filled;
    usage.at(NOW);
    expect(JSON.parse(await usage.text(usageByModel, {}, plain(userId)))).toEqual([
      {
        service: "chat",
        model: null,
        event_count: 1,
        total_tokens: 5,
        total_cost: "1.500000000000",
        avg_tokens: 5,
        free_events: 0,
      },
      {
        service: "openai",
        model: "gpt-4o",
        event_count: 2,
        total_tokens: 1600,
        total_cost: "0.005225000000",
        avg_tokens: 800,
        free_events: 0,
      },
      {
        service: "openrouter",
        model: "meta-llama/llama-3.3-70b-instruct:free",
        event_count: 1,
        total_tokens: 50,
        total_cost: "0.000000000000",
        avg_tokens: 50,
        free_events: 1,
      },
    ]);
    expect(JSON.parse(await usage.text(usageByService, {}, plain(userId)))).toEqual([
      {
        service: "chat",
        event_count: 1,
        total_tokens: 5,
        total_cost: "1.500000000000",
        unique_models: 0,
        free_events: 0,
      },
      {
        service: "openai",
        event_count: 2,
        total_tokens: 1600,
        total_cost: "0.005225000000",
        unique_models: 1,
        free_events: 0,
      },
      {
        service: "openrouter",
        event_count: 1,
        total_tokens: 50,
        total_cost: "0.000000000000",
        unique_models: 1,
        free_events: 1,
      },
    ]);
  });

  test("for free this month, and at all today", async () => {
    await filled;
    usage.at(NOW);
    expect(JSON.parse(await usage.text(usageFreeTier, {}, plain(userId)))).toEqual({
      total_free_events: 1,
      total_free_tokens: 50,
      unique_free_models: 1,
      models: [{ model: "meta-llama/llama-3.3-70b-instruct:free", event_count: 1, tokens: 50 }],
      period: { start: "2026-06-01T00:00:00.000Z", end: "2026-07-01T00:00:00.000Z" },
    });
    const today = await usage.ask(usageDaily, {}, plain(userId));
    expect([today.total_events, today.total_tokens, today.total_cost.toFixed()]).toEqual([3, 1650, "0.005225"]);
  });

  // prettier-ignore
  test.each([
    { name: "a date for an end includes its day",       query: { start_date: "2026-06-15", end_date: "2026-06-15" },                               events: 3 },
    { name: "an instant for an end is exclusive",       query: { start_date: "2026-06-15", end_date: "2026-06-15T12:33:56.789Z" },                 events: 2 },
    { name: "a start is inclusive",                     query: { start_date: "2026-06-15T12:33:56.789Z", end_date: "2026-06-16" },                 events: 1 },
    { name: "an offset is understood",                  query: { start_date: "2026-06-15T14:33:56.789+02:00", end_date: "2026-06-16" },            events: 1 },
    { name: "yesterday alone",                          query: { start_date: "2026-06-14", end_date: "2026-06-14" },                               events: 1 },
  ])("in a period: $name", async ({ query, events }) => {
    await filled;
    usage.at(NOW);
    expect((await usage.ask(usageSummary, query, plain(userId))).total_events).toBe(events);
  });

  test("is nobody else's business, except an admin's", async () => {
    await filled;
    usage.at(NOW);
    expect((await usage.ask(usageSummary, { user_id: userId }, admin)).total_events).toBe(4);
    expect(await usage.code(usageSummary, { user_id: userId }, plain("other"))).toBe("forbidden");
    expect(await usage.code(usageSummary, { user_id: "nobody" }, plain("other"))).toBe("forbidden");
    expect(await usage.code(usageSummary, { user_id: "nobody" }, admin)).toBe("not_found");
    expect(await usage.code(usageDaily, { user_id: userId }, service)).toBe("ok");
  });
});

// prettier-ignore
test.each([
  { name: "a start after the end",  query: { start_date: "2026-06-16", end_date: "2026-06-15" } },
  { name: "a start after now",      query: { start_date: "2027-06-16" } },
  { name: "no date at all",         query: { start_date: "yesterday" } },
  { name: "a day there never was",  query: { start_date: "2026-02-30" } },
  { name: "a time before all usage", query: { start_date: "0000-01-01" } },
  { name: "a time after all time",  query: { end_date: "9999-12-31" } },
  { name: "an unknown field",       query: { from: "2026-02-01" } },
])("a read refuses $name", async ({ query }) => {
  usage.at(NOW);
  expect(await usage.code(usageSummary, query, plain("asker"))).toBe("invalid_request");
});

test("who never used anything reads zeros", async () => {
  const summary = await usage.ask(usageSummary, {}, plain("newcomer"));
  expect([summary.total_events, summary.total_cost.toFixed(), Object.keys(summary.services)]).toEqual([0, "0", []]);
  expect(await usage.ask(usageByModel, {}, plain("newcomer"))).toEqual([]);
});

test("a service with a strange name is told like any other", async () => {
  await usage.ask(trackUsage, { service: "__proto__", cost: "1" }, plain("strange"));
  expect(await usage.text(usageSummary, {}, plain("strange"))).toContain('"services":{"__proto__":{"event_count":1');
});
