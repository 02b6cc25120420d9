import { describe, expect, test } from "vitest";
import { allocate, deduct, grantBonus, listTransactions } from "@tollbooth/shared/contracts/credits";
import { quoteCost } from "@tollbooth/shared/contracts/prices";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { balanceOf, becomes } from "./harness/balance.ts";
import { SERVICE, testBus } from "./harness/bus.ts";
import { admin, newUser, service, somebody, type Person } from "./harness/person.ts";

const { bus } = await testBus();
const CHARGED_WITHIN_MS = 10_000;
const ROUNDS = 30;
const FREE = "meta-llama/llama-3.3-70b-instruct:free";

function bonus(user: Person, amount: string, more: object = {}) {
  return bus.ask(grantBonus, { user_id: user.sub, amount, source: "a gift", ...more }, SERVICE);
}

test("what was used is taken from the balance, and the journal explains it", async () => {
  const [user, reporter] = [await newUser(), await service()];
  await balanceOf(user);
  const use = { service: "brigade", input_tokens: 1000, output_tokens: 500, event_id: "e1" };
  const occurred_at = new Date(Date.now() - 3_600_000).toISOString();
  const event = await reporter.ok(trackUsage, { ...use, user_id: user.sub, occurred_at });
  const { last_updated } = await becomes(user, "4.996700000000");
  const [line] = await user.ok(listTransactions);
  expect(line).toEqual({
    id: line?.id,
    user_id: user.sub,
    amount: "-0.003300000000",
    balance_after: "4.996700000000",
    transaction_type: "usage",
    service: "brigade",
    model: null,
    cost_breakdown: { provider_cost: event.provider_cost, markup: event.platform_markup, total: event.total_cost },
    actor: { sub: reporter.sub, role: "service" },
    reason: null,
    metadata: { source: reporter.sub, event_id: "e1", occurred_at },
    created_at: last_updated,
  });
});

test("the balance is lower soon after the report (measured, not asserted)", async () => {
  const [user, root] = [await newUser(), await admin()];
  await root.ok(allocate, { user_id: user.sub, amount: 100, source: "test" });
  const times: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const begin = performance.now();
    await user.ok(trackUsage, { service: "chat", cost: "1" });
    const expected = `${105 - round}.000000000000`;
    // Without pauses, which would be measured, too.
    let last = "";
    while (last !== expected && performance.now() - begin < CHARGED_WITHIN_MS) last = (await balanceOf(user)).balance;
    expect(last).toBe(expected);
    times.push(performance.now() - begin);
  }
  const [fastest, median, slowest] = [0, ROUNDS / 2, ROUNDS - 1].map((i) =>
    Math.round(times.toSorted((a, b) => a - b)[i] ?? 0),
  );
  console.log(
    `POST /usage/track to a lower balance: median ${median} ms (fastest ${fastest}, slowest ${slowest}; ${ROUNDS} rounds)`,
  );
});

test("free usage is counted at what it would have cost, and is no line", async () => {
  const user = await newUser();
  const tokens = { input_tokens: 100_000, output_tokens: 20_000 };
  const paid = await bus.ask(
    quoteCost,
    { service: "openrouter", model: FREE.replace(":free", ""), ...tokens },
    SERVICE,
  );
  expect(paid.total_cost.gt(0)).toBe(true);
  for (let times = 1; times <= 2; times++) await user.ok(trackUsage, { service: "openrouter", model: FREE, ...tokens });
  const value = paid.total_cost.times(2).toFixed(12);
  expect(await until(async () => (await balanceOf(user)).free_tier_used === value, CHARGED_WITHIN_MS)).toBe(true);
  expect(await balanceOf(user)).toMatchObject({ balance: "5.000000000000", available: "5.000000000000" });
  expect(await user.ok(listTransactions)).toHaveLength(1);
});

describe("usage beyond the balance", () => {
  test("is owed, and the next credit of any kind pays it first", async () => {
    const [user, root, reporter] = [await newUser(), await admin(), await service()];
    await user.ok(trackUsage, { service: "chat", cost: "8" });
    expect(await becomes(user, "-3.000000000000")).toMatchObject({
      available: "-3.000000000000",
      held: "0.000000000000",
    });
    const refused = await reporter.refused(deduct, { user_id: user.sub, amount: "0.01", service: "chat" });
    expect(refused).toMatchObject({ code: "insufficient_credits", available: "-3.000000000000" });

    await bonus(user, "2");
    expect(await balanceOf(user)).toMatchObject({ balance: "-1.000000000000", bonus_credits: "0.000000000000" });
    expect(await root.ok(allocate, { user_id: user.sub, amount: "4", source: "top-up" })).toMatchObject({
      balance: "3.000000000000",
    });
    expect(
      (await user.ok(listTransactions)).map(({ amount, balance_after }) => [Number(amount), Number(balance_after)]),
    ).toEqual([
      [4, 3],
      [2, -1],
      [-8, -3],
      [5, 5],
    ]);
  });

  test("is told once, when it happens", async () => {
    const user = await newUser();
    const heard: unknown[] = [];
    const subscription = bus.connection.subscribe("credits.overdrawn", {
      callback: (_, message) => {
        const notice = message.json<{ user_id: string; balance: string }>();
        if (notice.user_id === user.sub) heard.push(notice.balance);
      },
    });
    await bus.connection.flush();
    for (const balance of ["1.000000000000", "-3.000000000000", "-7.000000000000"]) {
      await user.ok(trackUsage, { service: "chat", cost: "4" });
      await becomes(user, balance);
    }
    await bonus(user, "8");
    await user.ok(trackUsage, { service: "chat", cost: "2" });
    expect(await until(() => heard.length === 2, CHARGED_WITHIN_MS)).toBe(true);
    subscription.unsubscribe();
    expect(heard).toEqual(["-3.000000000000", "-1.000000000000"]);
  });
});

describe("credits are spent", () => {
  /** What is left of bonus lots after each charge of 1; what was bought is the rest. */
  async function bonusAfterEach(user: Person, charges: number, start: number): Promise<number[]> {
    const left: number[] = [];
    for (let charge = 1; charge <= charges; charge++) {
      await user.ok(trackUsage, { service: "chat", cost: "1" });
      left.push(Number((await becomes(user, `${start - charge}.000000000000`)).bonus_credits));
    }
    return left;
  }

  test("this month's first, then gifts, then what was bought", async () => {
    const [user, root] = [await newUser(), await admin()];
    await root.ok(allocate, { user_id: user.sub, amount: 10, source: "bought" });
    await bonus(user, "2");
    expect(await bonusAfterEach(user, 8, 17)).toEqual([2, 2, 2, 2, 2, 1, 0, 0]);
  });

  test("by priority before all else", async () => {
    const user = await newUser();
    await bonus(user, "2", { priority: 0 });
    expect(await bonusAfterEach(user, 3, 7)).toEqual([1, 0, 0]);
  });

  test("never before they begin", async () => {
    const user = await newUser();
    await bonus(user, "3", { effective_at: new Date(Date.now() + 86_400_000).toISOString() });
    expect(await balanceOf(user)).toMatchObject({ balance: "5.000000000000", bonus_credits: "0.000000000000" });
  });

  test("never after they have ended, which is a line of its own", async () => {
    const user = await newUser();
    await bonus(user, "3", { expires_at: new Date(Date.now() + 1_000).toISOString() });
    expect(await balanceOf(user)).toMatchObject({ balance: "8.000000000000" });
    await becomes(user, "5.000000000000");
    expect(await user.ok(listTransactions, { transaction_type: "expiry" })).toMatchObject([
      { amount: "-3.000000000000" },
    ]);
  });
});

test("a gift has one effect for one key, and is nobody's to ask for himself", async () => {
  const user = await newUser();
  const key = { ...SERVICE, idempotencyKey: somebody("gift") };
  const gift = { user_id: user.sub, amount: "2", source: "a gift" };
  for (let times = 0; times < 3; times++) await bus.ask(grantBonus, gift, key);
  expect(await balanceOf(user)).toMatchObject({ balance: "7.000000000000", bonus_credits: "2.000000000000" });
  const himself = { caller: { sub: user.sub, roles: ["user"] } } as const;
  await expect(bus.ask(grantBonus, gift, himself)).rejects.toMatchObject({ code: "forbidden" });
});
