import { describe, expect, test } from "vitest";
import { getBalance } from "@tollbooth/shared/contracts/credits";
import { setPrice } from "@tollbooth/shared/contracts/prices";
import { trackUsage, usageSummary } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { ADMIN, testBus } from "../harness/bus.ts";
import { admin, newUser, service, somebody } from "../harness/person.ts";

const { bus } = await testBus();
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function at(offsetMs: number): string {
  return new Date(Date.now() + offsetMs).toISOString();
}

test("a use is answered with what it cost and who pays what of it", async () => {
  const user = await newUser();
  const before = Date.now();
  const event = await user.ok(trackUsage, { service: "brigade", input_tokens: 1000, output_tokens: 500 });
  expect(event).toEqual({
    id: event.id,
    user_id: user.sub,
    service: "brigade",
    model: null,
    tokens_used: 1500,
    provider_cost: "0.003000000000",
    platform_markup: "0.000300000000",
    total_cost: "0.003300000000",
    charged: "0.003300000000",
    is_free_tier: false,
    created_at: event.created_at,
  });
  expect(Math.abs(Date.parse(event.created_at) - before)).toBeLessThan(5_000);
});

// prettier-ignore
const COSTS = [
  { says: "a total",                     use: { service: "chat", cost: "1.1" },                                    cost: ["1.000000000000", "0.100000000000", "1.100000000000"], tokens: 0 },
  { says: "a total that does not divide", use: { service: "chat", cost: "1.25", tokens: 7 },                       cost: ["1.136363636364", "0.113636363636", "1.250000000000"], tokens: 7 },
  { says: "a total of nothing",          use: { service: "chat", cost: 0 },                                        cost: ["0.000000000000", "0.000000000000", "0.000000000000"], tokens: 0 },
  { says: "the provider's cost",         use: { service: "chat", model: "unheard-of", provider_cost: "0.000000000005" }, cost: ["0.000000000005", "0.000000000001", "0.000000000006"], tokens: 0 },
  { says: "tokens of a cheap model",     use: { service: "openai", model: "gpt-4o-mini", input_tokens: 1200, output_tokens: 300 }, cost: ["0.000360000000", "0.000018000000", "0.000378000000"], tokens: 1500 },
  { says: "tokens without saying which", use: { service: "brigade", tokens: 1001 },                                cost: ["0.002501000000", "0.000250100000", "0.002751100000"], tokens: 1001 },
  { says: "tokens of an embedding",      use: { service: "embedding", tokens: 1000 },                              cost: ["0.000020000000", "0.000001000000", "0.000021000000"], tokens: 1000 },
  { says: "characters",                  use: { service: "tts", quantity: 1000, unit: "character" },               cost: ["0.015000000000", "0.001500000000", "0.016500000000"], tokens: 0 },
  { says: "seconds and their parts",     use: { service: "stt", quantity: "12.5", unit: "second" },                cost: ["0.001250000000", "0.000125000000", "0.001375000000"], tokens: 0 },
  { says: "queries",                     use: { service: "center-deep", quantity: 2, unit: "query" },              cost: ["0.010000000000", "0.001000000000", "0.011000000000"], tokens: 0 },
];

test.each(COSTS)(
  "$says is priced exactly",
  async ({ use, cost: [provider_cost, platform_markup, total_cost], tokens }) => {
    const event = await (await newUser()).ok(trackUsage, use);
    expect(event).toMatchObject({
      provider_cost,
      platform_markup,
      total_cost,
      charged: total_cost,
      tokens_used: tokens,
    });
  },
);

// prettier-ignore
const REFUSED = [
  { why: "no service",               use: { cost: 1 },                                              path: "service" },
  { why: "a service without a name", use: { service: "", cost: 1 },                                 path: "service" },
  { why: "two costs",                use: { service: "chat", cost: 1, provider_cost: 1 },           path: "cost" },
  { why: "a unit without quantity",  use: { service: "tts", unit: "character" },                    path: "quantity" },
  { why: "an unknown unit",          use: { service: "tts", quantity: 1, unit: "furlong" },         path: "unit" },
  { why: "negative tokens",          use: { service: "brigade", tokens: -1 },                       path: "tokens" },
  { why: "parts of tokens",          use: { service: "brigade", input_tokens: 1.5 },                path: "input_tokens" },
  { why: "tokens as text",           use: { service: "brigade", tokens: "10" },                     path: "tokens" },
  { why: "far too many tokens",      use: { service: "brigade", tokens: 1e12 },                     path: "tokens" },
  { why: "no event id",              use: { service: "chat", cost: 1, event_id: "" },               path: "event_id" },
  { why: "a long event id",          use: { service: "chat", cost: 1, event_id: "x".repeat(129) },  path: "event_id" },
  { why: "a time without zone",      use: { service: "chat", cost: 1, occurred_at: "2026-11-22T10:00:00" }, path: "occurred_at" },
  { why: "a day for a time",         use: { service: "chat", cost: 1, occurred_at: "2026-11-22" },  path: "occurred_at" },
  { why: "a time 6 minutes ahead",   use: { service: "chat", cost: 1, occurred_at: at(6 * MINUTE_MS) }, path: "occurred_at" },
  { why: "a time 36 days back",      use: { service: "chat", cost: 1, occurred_at: at(-36 * DAY_MS) }, path: "occurred_at" },
  { why: "a text for is_free",       use: { service: "chat", cost: 1, is_free: "yes" },             path: "is_free" },
  { why: "more than an amount may be", use: { service: "chat", provider_cost: "999999999" },        path: "" },
  { why: "nothing of what was used", use: { service: "brigade" },                                   path: "" },
];

test.each(REFUSED)("a use that tells $why is refused", async ({ use, path }) => {
  const user = await newUser();
  expect(await user.refused(trackUsage, use)).toMatchObject({
    status: 422,
    code: "invalid_request",
    errors: [expect.objectContaining({ path })],
  });
  expect(await user.ok(usageSummary)).toMatchObject({ total_events: 0 });
});

test("what is late by 34 days, or early by 4 minutes, is taken", async () => {
  const user = await newUser();
  for (const offset of [-34 * DAY_MS, 4 * MINUTE_MS])
    await user.ok(trackUsage, { service: "chat", cost: 1, occurred_at: at(offset) });
  expect(await user.ok(usageSummary, { start_date: at(-36 * DAY_MS), end_date: at(DAY_MS) })).toMatchObject({
    total_events: 2,
  });
});

describe("an event id", () => {
  test("is recorded once: a repeat answers the first event", async () => {
    const user = await newUser();
    const use = { service: "chat", cost: "0.5", event_id: "e1" };
    const first = await user.ask(trackUsage, use);
    const again = await user.ask(trackUsage, { event_id: "e1", cost: 0.5, service: "chat" });
    expect([again.status, again.text]).toEqual([200, first.text]);
    expect(await user.refused(trackUsage, { ...use, cost: "0.6" })).toMatchObject({
      status: 409,
      code: "idempotency_conflict",
    });
    expect(await user.ok(usageSummary)).toMatchObject({ total_events: 1, total_cost: "0.500000000000" });
  });

  test("is its reporter's: nobody takes another's", async () => {
    const [user, other, reporter, rival] = [await newUser(), await newUser(), await service(), await service()];
    const use = { service: "chat", cost: "0.5", event_id: "e1" };
    const taken = { ...use, user_id: user.sub, source: reporter.sub };
    expect((await rival.refused(trackUsage, taken)).code).toBe("forbidden");
    const events = [
      await user.ok(trackUsage, use),
      await other.ok(trackUsage, { ...use, cost: "0.7" }),
      await reporter.ok(trackUsage, { ...use, cost: "0.8", user_id: user.sub }),
      await rival.ok(trackUsage, { ...use, cost: "0.9", user_id: user.sub }),
    ];
    expect(new Set(events.map(({ id }) => id)).size).toBe(4);
  });

  test.each([" ", "a\nb\tc", "ключ 🔑", "x".repeat(128), "🔑".repeat(128), "'; drop table usage_events; --"])(
    "may be any text, such as %j",
    async (event_id) => {
      const user = await newUser();
      const first = await user.ok(trackUsage, { service: "chat", cost: 1, event_id });
      expect(await user.ok(trackUsage, { service: "chat", cost: 1, event_id })).toEqual(first);
    },
  );
});

describe("what a plain user says of himself", () => {
  test.each([{ byok: true }, { byok: false }, { source: "me" }, { hold_id: "h1" }])("must not be %o", async (field) => {
    const problem = await (await newUser()).refused(trackUsage, { service: "chat", cost: 1, ...field });
    expect(problem).toMatchObject({ status: 403, code: "forbidden" });
  });

  test("is not believed to be free", async () => {
    const event = await (await newUser()).ok(trackUsage, { service: "chat", cost: "1", is_free: true });
    expect(event).toMatchObject({ is_free_tier: false, charged: "1.000000000000" });
  });

  test("does not make a free model paid", async () => {
    const use = { service: "openrouter", model: "meta-llama/llama-3.3-70b-instruct:free", tokens: 100, is_free: false };
    expect(await (await newUser()).ok(trackUsage, use)).toMatchObject({
      is_free_tier: true,
      charged: "0.000000000000",
    });
  });
});

describe("what a service says of a user", () => {
  test("is believed to be free", async () => {
    const event = await (
      await service()
    ).ok(trackUsage, { user_id: somebody(), service: "chat", provider_cost: "1", is_free: true });
    expect(event).toMatchObject({ is_free_tier: true, charged: "0.000000000000", platform_markup: "0.000000000000" });
  });

  test("may be that his own key paid: then nothing is charged", async () => {
    const event = await (
      await service()
    ).ok(trackUsage, { user_id: somebody(), service: "chat", provider_cost: "1", byok: true });
    expect(event).toMatchObject({ is_free_tier: false, total_cost: "1.100000000000", charged: "0.000000000000" });
  });

  test("is not what users say of themselves", async () => {
    const problem = await (
      await service()
    ).refused(trackUsage, { user_id: somebody(), service: "chat", cost: 1, source: "user" });
    expect(problem).toMatchObject({ status: 403, code: "forbidden" });
  });

  test("makes an account for him", async () => {
    const [reporter, root, user] = [await service(), await admin(), somebody()];
    await reporter.ok(trackUsage, { user_id: user, service: "chat", cost: "1" });
    const isCharged = async () => {
      const answer = await root.ask(getBalance, { user_id: user });
      return answer.status === 200 && (answer.json as { balance: string }).balance === "4.000000000000";
    };
    expect(await until(isCharged, 10_000)).toBe(true);
  });
});

test("a model without a price is refused, and the refusal is not remembered when it gets one", async () => {
  const [user, model] = [await newUser(), somebody("model")];
  const [use, key] = [{ service: "chat", model, tokens: 1000 }, { "idempotency-key": "k" }];
  expect(await user.refused(trackUsage, use, key)).toMatchObject({
    status: 422,
    code: "unpriced_model",
    fix: expect.any(String) as string,
  });
  const rates = [
    { unit: "input_token", price: "0.00001" },
    { unit: "output_token", price: "0.00003" },
  ] as const;
  await bus.ask(setPrice, { service: "chat", model, rates: [...rates] }, ADMIN);
  expect(await user.ok(trackUsage, use, key)).toMatchObject({
    provider_cost: "0.020000000000",
    total_cost: "0.023000000000",
  });
});
