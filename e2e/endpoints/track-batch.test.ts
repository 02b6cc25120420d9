import { expect, test } from "vitest";
import { getBalance } from "@tollbooth/shared/contracts/credits";
import { trackUsage, trackUsageBatch, usageSummary } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { newUser, service, somebody } from "../harness/person.ts";

const USE = { service: "chat", cost: "0.01" };

test("each item is answered for itself, in the order sent, and a bad one sinks no other", async () => {
  const [user, other] = [await newUser(), somebody()];
  const before = await user.ok(trackUsage, { ...USE, event_id: "before" });
  const answers = await user.ok(trackUsageBatch, {
    events: [
      { ...USE, event_id: "one" },
      { ...USE, event_id: "before" },
      { ...USE, event_id: "one" },
      { ...USE, cost: "0.02", event_id: "one" },
      { ...USE, colour: "red" },
      { ...USE, user_id: other },
      { ...USE, byok: true },
      { service: "chat", model: "no-such-model", tokens: 1 },
      { ...USE, cost: "-1" },
      null,
      "text",
      { ...USE, occurred_at: "2020-01-01T00:00:00Z" },
      { ...USE, user_id: user.sub },
    ],
  });
  expect(answers.map(({ status, problem }) => `${status} ${problem?.code ?? ""}`.trim())).toEqual([
    "recorded",
    "duplicate",
    "duplicate",
    "refused idempotency_conflict",
    "refused invalid_request",
    "refused forbidden",
    "refused forbidden",
    "refused unpriced_model",
    "refused invalid_request",
    "refused invalid_request",
    "refused invalid_request",
    "refused invalid_request",
    "recorded",
  ]);
  expect(answers[1]?.event).toEqual(before);
  expect(answers[2]?.event).toEqual(answers[0]?.event);
  expect(answers[4]?.problem?.errors).toEqual([{ path: "", message: 'unknown field "colour"' }]);
  expect(answers[8]?.problem?.errors).toMatchObject([{ path: "cost" }]);
  expect(await user.ok(usageSummary)).toMatchObject({ total_events: 3, total_cost: "0.030000000000" });
});

test("a service reports for many users at once, and each is charged his own", async () => {
  const [reporter, users] = [await service(), await Promise.all([newUser(), newUser(), newUser()])];
  const events = users.flatMap(({ sub }, i) => [
    { ...USE, user_id: sub, cost: i + 1, event_id: "a" },
    { ...USE, user_id: sub, cost: "0.5", event_id: "b" },
  ]);
  const answers = await reporter.ok(trackUsageBatch, { events });
  expect(answers.map(({ event }) => event?.user_id)).toEqual(events.map(({ user_id }) => user_id));
  const balances = async () =>
    (await Promise.all(users.map((user) => user.ok(getBalance)))).map(({ balance }) => Number(balance));
  expect(await until(async () => String(await balances()) === "3.5,2.5,1.5", 10_000)).toBe(true);
});

test("a batch holds 1 to 1,000 events", async () => {
  const user = await newUser();
  const events = (count: number) => Array.from({ length: count }, () => ({ service: "chat", cost: "0.001" }));
  for (const bad of [[], events(1001), {}, "text", undefined]) {
    const problem = await user.refused(trackUsageBatch, { events: bad });
    expect(problem).toMatchObject({ status: 422, code: "invalid_request", errors: [{ path: "events" }] });
  }
  const answers = await user.ok(trackUsageBatch, { events: events(1000) });
  expect(answers.filter(({ status }) => status === "recorded")).toHaveLength(1000);
  expect(await user.ok(usageSummary)).toMatchObject({ total_events: 1000, total_cost: "1.000000000000" });
  expect(await until(async () => (await user.ok(getBalance)).balance === "4.000000000000", 10_000)).toBe(true);
});
