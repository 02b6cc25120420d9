import { describe, expect, test } from "vitest";
import { allocate, deduct, getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { trackUsage, trackUsageBatch, usageEventOutcomes, usageSummary } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { streams as allStreams } from "@tollbooth/shared/streams";
import type { Answer } from "./harness/answer.ts";
import { becomes } from "./harness/balance.ts";
import { breaches } from "./harness/books.ts";
import { testBus } from "./harness/bus.ts";
import { admin, newUser, service, somebody, type Person } from "./harness/person.ts";

const { bus, streams } = await testBus();
const SETTLED_WITHIN_MS = 20_000;

/** Does the same so many times at once. */
function atOnce<T>(times: number, what: (i: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, (_, i) => what(i)));
}

function count(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

test("50 first sights of a user provision him once", async () => {
  const user = await newUser();
  const answers = await atOnce(50, (i) => user.ask(i % 2 === 0 ? getBalance : listTransactions));
  expect(count(answers)).toEqual({ 200: 50 });
  expect(await user.ok(getBalance)).toMatchObject({ balance: "5.000000000000" });
  expect(await user.ok(listTransactions)).toHaveLength(1);
});

test("50 writes to a user nobody has seen provision him once, and all count", async () => {
  const [user, root, reporter] = [await newUser(), await admin(), await service()];
  const writes = [
    () => root.ask(allocate, { user_id: user.sub, amount: "0.10", source: "race" }),
    () => reporter.ask(trackUsage, { user_id: user.sub, service: "chat", cost: "0.01" }),
  ];
  expect(count(await atOnce(50, (i) => (writes[i % 2] as (typeof writes)[0])()))).toEqual({ 200: 50 });
  await becomes(user, "7.250000000000", SETTLED_WITHIN_MS);
  expect(await user.ok(listTransactions, { limit: 500 })).toHaveLength(51);
});

test("100 allocations at once all count", async () => {
  const [user, root] = [await newUser(), await admin()];
  const answers = await atOnce(100, (i) =>
    root.ask(allocate, { user_id: user.sub, amount: `0.${String(i + 1).padStart(12, "0")}`, source: "race" }),
  );
  expect(count(answers)).toEqual({ 200: 100 });
  expect(await user.ok(getBalance)).toMatchObject({ balance: "5.000000005050" });
  expect(await user.ok(listTransactions, { limit: 500 })).toHaveLength(101);
});

test("200 deductions of 1 from 105 at once are 105 deductions and 95 refusals", async () => {
  const [user, root, reporter] = [await newUser(), await admin(), await service()];
  await root.ok(allocate, { user_id: user.sub, amount: 100, source: "race" });
  const answers = await atOnce(200, () => reporter.ask(deduct, { user_id: user.sub, amount: 1, service: "race" }));
  expect(count(answers)).toEqual({ 200: 105, 402: 95 });
  expect(await user.ok(getBalance)).toMatchObject({ balance: "0.000000000000", available: "0.000000000000" });
  expect(await user.ok(listTransactions, { transaction_type: "usage", limit: 500 })).toHaveLength(105);
});

describe("30 requests with one key at once are one effect and equal bytes:", () => {
  const commands = [
    { name: "allocate", command: allocate, input: { amount: "1", source: "race" }, balance: "6.000000000000" },
    { name: "deduct", command: deduct, input: { amount: "1", service: "race" }, balance: "4.000000000000" },
    { name: "track", command: trackUsage, input: { cost: "1", service: "race" }, balance: "4.000000000000" },
  ] as const;

  test.each(commands)("$name", async ({ command, input, balance }) => {
    const [user, root] = [await newUser(), await admin()];
    const answers = await atOnce(30, () =>
      root.ask(command, { ...input, user_id: user.sub }, { "idempotency-key": "race" }),
    );
    await expectOne(answers);
    await becomes(user, balance, SETTLED_WITHIN_MS);
    expect(await user.ok(listTransactions)).toHaveLength(2);
  });

  test("a batch", async () => {
    const user = await newUser();
    const events = [1, 2, 3].map(() => ({ service: "race", cost: "1" }));
    await expectOne(await atOnce(30, () => user.ask(trackUsageBatch, { events }, { "idempotency-key": "race" })));
    await becomes(user, "2.000000000000", SETTLED_WITHIN_MS);
    expect(await user.ok(usageSummary)).toMatchObject({ total_events: 3 });
  });

  test("a refusal", async () => {
    const [user, root] = [somebody(), await admin()];
    const answers = await atOnce(30, () =>
      root.ask(deduct, { user_id: user, amount: 6, service: "race" }, { "idempotency-key": "race" }),
    );
    expect(count(answers)).toEqual({ 402: 30 });
  });

  async function expectOne(answers: readonly Answer[]): Promise<void> {
    expect(count(answers)).toEqual({ 200: 30 });
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get("idempotency-replayed") === "true")).toHaveLength(29);
  }
});

describe("300 reports of 200 events charge 200:", () => {
  const event = (i: number) => ({ service: "race", cost: "0.01", event_id: `e${i % 200}` });

  test("over REST", async () => {
    const user = await newUser();
    const answers = await atOnce(300, (i) => user.ask(trackUsage, event(i)));
    expect(count(answers)).toEqual({ 200: 300 });
    expect(new Set(answers.map(({ text }) => text)).size).toBe(200);
    await charged(user);
  });

  test("over REST, in batches", async () => {
    const user = await newUser();
    const answers = await atOnce(10, (i) =>
      user.ok(trackUsageBatch, { events: Array.from({ length: 30 }, (_, j) => event(i * 30 + j)) }),
    );
    const statuses = answers.flat().map(({ status }) => status);
    expect([statuses.filter((one) => one === "recorded").length, statuses.length]).toEqual([200, 300]);
    await charged(user);
  });

  test("over NATS", async () => {
    const [user, source] = [await newUser(), somebody("reporter")];
    const { name } = allStreams.usageReports;
    await atOnce(300, (i) =>
      streams.publish(
        name,
        `usage.report.${source}`,
        somebody("message"),
        {},
        JSON.stringify({ ...event(i), user_id: user.sub }),
      ),
    );
    const events = Array.from({ length: 200 }, (_, i) => ({ user_id: user.sub, event_id: `e${i}` }));
    const outcomes = async () => (await bus.ask(usageEventOutcomes, { source, events })).map(({ outcome }) => outcome);
    expect(
      await until(async () => (await outcomes()).every((outcome) => outcome === "applied"), SETTLED_WITHIN_MS),
    ).toBe(true);
    await charged(user);
  });

  async function charged(user: Person): Promise<void> {
    await becomes(user, "3.000000000000", SETTLED_WITHIN_MS);
    expect(await user.ok(usageSummary)).toMatchObject({ total_events: 200, total_cost: "2.000000000000" });
    expect(await user.ok(listTransactions, { transaction_type: "usage", limit: 500 })).toHaveLength(200);
  }
});

test("the books balance after all of it", async () => {
  expect(await breaches()).toEqual([]);
});
