import { describe, expect, test } from "vitest";
import {
  trackUsage,
  usageByModel,
  usageByService,
  usageFreeTier,
  usageSummary,
} from "@tollbooth/shared/contracts/usage";
import { newUser, type Person } from "../harness/person.ts";

const DAY_MS = 86_400_000;
/** Ten days ago, so that every moment of it may still be reported. */
const DAY = new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS - 10 * DAY_MS).toISOString().slice(0, 10);
const NEXT_DAY = new Date(Date.parse(DAY) + DAY_MS).toISOString().slice(0, 10);
const FREE = "meta-llama/llama-3.3-70b-instruct:free";

function use(user: Person, occurred_at: string, more: object = {}) {
  return user.ok(trackUsage, { service: "chat", cost: "0.01", tokens: 10, occurred_at, ...more });
}

async function counted(user: Person, period: object): Promise<number> {
  return (await user.ok(usageSummary, period)).total_events;
}

describe("a period", () => {
  test("holds its start and not its end, where they are instants", async () => {
    const user = await newUser();
    const moment = `${DAY}T10:20:30.500Z`;
    await use(user, moment);
    const nextMoment = `${DAY}T10:20:30.501Z`;
    expect(await counted(user, { start_date: moment, end_date: nextMoment })).toBe(1);
    expect(await counted(user, { start_date: DAY, end_date: moment })).toBe(0);
    expect(await counted(user, { start_date: nextMoment, end_date: `${NEXT_DAY}T00:00:00Z` })).toBe(0);
    expect(await counted(user, { start_date: moment, end_date: moment })).toBe(0);
  });

  test("holds all of its last day, where that is a date", async () => {
    const user = await newUser();
    await use(user, `${DAY}T00:00:00.000Z`);
    await use(user, `${DAY}T23:59:59.999Z`);
    await use(user, `${NEXT_DAY}T00:00:00.000Z`);
    expect(await counted(user, { start_date: DAY, end_date: DAY })).toBe(2);
    expect(await counted(user, { start_date: DAY, end_date: NEXT_DAY })).toBe(3);
    expect(await counted(user, { start_date: NEXT_DAY, end_date: NEXT_DAY })).toBe(1);
    expect(await counted(user, { start_date: DAY, end_date: `${DAY}T23:59:59.999Z` })).toBe(1);
    expect(await counted(user, { start_date: `${DAY}T00:00:00.001Z`, end_date: DAY })).toBe(1);
  });

  test("may be told in another zone, and is told again in UTC", async () => {
    const user = await newUser();
    await use(user, `${DAY}T12:00:00+02:00`);
    const { total_events, period } = await user.ok(usageSummary, {
      start_date: `${DAY}T11:59:00+02:00`,
      end_date: `${DAY}T05:01:00-05:00`,
    });
    expect([total_events, period]).toEqual([1, { start: `${DAY}T09:59:00.000Z`, end: `${DAY}T10:01:00.000Z` }]);
  });

  test("is the last 30 days, where none is told", async () => {
    const user = await newUser();
    const now = Date.now();
    for (const days of [29.9, 30.1]) await use(user, new Date(now - days * DAY_MS).toISOString());
    const { total_events, period } = await user.ok(usageSummary);
    expect(total_events).toBe(1);
    expect(Date.parse(period.end) - Date.parse(period.start)).toBe(30 * DAY_MS);
    expect(Math.abs(Date.parse(period.end) - now)).toBeLessThan(60_000);
  });

  test.each([
    { start_date: NEXT_DAY, end_date: DAY },
    { start_date: `${DAY}T10:00:00.001Z`, end_date: `${DAY}T10:00:00Z` },
    { start_date: `${NEXT_DAY}T00:00:00Z`, end_date: DAY },
    { start_date: "2999-01-01" },
  ])("that starts after its end is refused: %o", async (period) => {
    const user = await newUser();
    for (const read of [usageSummary, usageByModel, usageByService])
      expect(await user.refused(read, period)).toMatchObject({ status: 422, errors: [{ path: "start_date" }] });
  });

  test.each(["yesterday", "2026-02-30", "2026-1-1", "1700000000", "", "2026-01-01T00:00:00", "2026-01-01T25:00:00Z"])(
    "is told in dates and times: %j is neither",
    async (text) => {
      const user = await newUser();
      for (const read of [usageSummary, usageByModel, usageByService]) {
        expect(await user.refused(read, { start_date: text })).toMatchObject({
          status: 422,
          errors: [{ path: "start_date" }],
        });
        expect(await user.refused(read, { end_date: text })).toMatchObject({
          status: 422,
          errors: [{ path: "end_date" }],
        });
      }
    },
  );
});

describe("what a user used", () => {
  test("is nothing before he used anything", async () => {
    const user = await newUser();
    expect(await user.ok(usageSummary)).toMatchObject({
      total_events: 0,
      total_tokens: 0,
      total_cost: "0.000000000000",
      free_tier_events: 0,
      paid_tier_events: 0,
      services: {},
    });
    expect(await user.ok(usageByModel)).toEqual([]);
    expect(await user.ok(usageByService)).toEqual([]);
    expect(await user.ok(usageFreeTier)).toMatchObject({ total_free_events: 0, unique_free_models: 0, models: [] });
  });

  test("is summed by service and by model, highest cost first", async () => {
    const user = await newUser();
    const events = [
      { service: "chat", model: "small", cost: "0.25", tokens: 10 },
      { service: "chat", model: "small", cost: "0.25", tokens: 11 },
      { service: "chat", model: "large", cost: "2", tokens: 100 },
      { service: "openrouter", model: FREE, cost: undefined, tokens: 1000 },
      { service: "tts", cost: "0.75", quantity: 5, unit: "character" },
    ];
    for (const event of events) await user.ok(trackUsage, event);
    expect(await user.ok(usageSummary)).toMatchObject({
      total_events: 5,
      total_tokens: 1121,
      total_cost: "3.250000000000",
      free_tier_events: 1,
      paid_tier_events: 4,
      services: {
        chat: { event_count: 3, tokens: 121, cost: "2.500000000000" },
        openrouter: { event_count: 1, tokens: 1000, cost: "0.000000000000" },
        tts: { event_count: 1, tokens: 0, cost: "0.750000000000" },
      },
    });
    // prettier-ignore
    expect(await user.ok(usageByModel)).toEqual([
      { service: "chat", model: "large", event_count: 1, total_tokens: 100, total_cost: "2.000000000000", avg_tokens: 100, free_events: 0 },
      { service: "tts", model: null, event_count: 1, total_tokens: 0, total_cost: "0.750000000000", avg_tokens: 0, free_events: 0 },
      { service: "chat", model: "small", event_count: 2, total_tokens: 21, total_cost: "0.500000000000", avg_tokens: 10.5, free_events: 0 },
      { service: "openrouter", model: FREE, event_count: 1, total_tokens: 1000, total_cost: "0.000000000000", avg_tokens: 1000, free_events: 1 },
    ]);
    // prettier-ignore
    expect(await user.ok(usageByService)).toEqual([
      { service: "chat", event_count: 3, total_tokens: 121, total_cost: "2.500000000000", unique_models: 2, free_events: 0 },
      { service: "tts", event_count: 1, total_tokens: 0, total_cost: "0.750000000000", unique_models: 0, free_events: 0 },
      { service: "openrouter", event_count: 1, total_tokens: 1000, total_cost: "0.000000000000", unique_models: 1, free_events: 1 },
    ]);
  });

  test("for free is told of this month", async () => {
    const user = await newUser();
    for (const tokens of [10, 20]) await user.ok(trackUsage, { service: "openrouter", model: FREE, tokens });
    await user.ok(trackUsage, { service: "openrouter", model: "openrouter/free", tokens: 5 });
    await user.ok(trackUsage, { service: "chat", cost: "1", tokens: 7 });
    const monthAgo = new Date(Date.now() - 32 * DAY_MS).toISOString();
    await user.ok(trackUsage, { service: "openrouter", model: FREE, tokens: 99, occurred_at: monthAgo });
    const now = new Date();
    const first = (later: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + later)).toISOString();
    expect(await user.ok(usageFreeTier)).toEqual({
      total_free_events: 3,
      total_free_tokens: 35,
      unique_free_models: 2,
      models: [
        { model: FREE, event_count: 2, tokens: 30 },
        { model: "openrouter/free", event_count: 1, tokens: 5 },
      ],
      period: { start: first(0), end: first(1) },
    });
  });

  test("is there as soon as it was answered, and by another user's questions never", async () => {
    const [user, other] = [await newUser(), await newUser()];
    for (let used = 1; used <= 5; used++) {
      await user.ok(trackUsage, { service: "chat", cost: "0.01" });
      expect(await counted(user, {})).toBe(used);
    }
    expect(await counted(other, {})).toBe(0);
  });
});
