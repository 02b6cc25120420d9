/** Holds, refunds, tiers and explanations, as callers see them: over REST and over the broker. */
import { expect, test } from "vitest";
import {
  adjust,
  allocate,
  checkBalance,
  createAccount,
  deduct,
  explainTransaction,
  getBalance,
  grantBonus,
  listTransactions,
  refund,
} from "@tollbooth/shared/contracts/credits";
import { captureHold, createHold, releaseHold } from "@tollbooth/shared/contracts/holds";
import { listTiers, resetPeriod, switchTier } from "@tollbooth/shared/contracts/tiers";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { Fault } from "@tollbooth/shared/fault";
import { until } from "@tollbooth/shared/local/condition";
import { print } from "@tollbooth/shared/money";
import { ADMIN, SERVICE, testBus } from "./harness/bus.ts";
import { admin, newUser, service, type Person } from "./harness/person.ts";

const { bus } = await testBus();
const WITHIN_MS = 10_000;

const balance = async (user: Person) => (await user.ok(getBalance)).balance;
const newest = async (user: Person) => (await user.ok(listTransactions, { limit: 1 }))[0] as { id: string };
const codeOf = (asked: Promise<unknown>) =>
  asked.then(
    () => "done",
    (thrown: unknown) => Fault.from(thrown).code,
  );

test("a hold is settled by the usage event that names it, and the line tells of both", async () => {
  const [user, chat] = [await newUser(), await service()];
  const hold_id = `hold-${user.sub}`;
  const held = await bus.ask(createHold, { user_id: user.sub, hold_id, amount: "3", ttl_s: 60 }, SERVICE);
  expect([held.state, print(held.available)]).toEqual(["active", "2.000000000000"]);
  expect(await user.ok(getBalance)).toMatchObject({
    balance: "5.000000000000",
    available: "2.000000000000",
    held: "3.000000000000",
  });

  const use = {
    service: "openrouter",
    model: "openai/gpt-4o-mini",
    input_tokens: 1000,
    output_tokens: 500,
    hold_id,
    user_id: user.sub,
  };
  const event = await chat.ok(trackUsage, use);
  expect(await until(async () => (await balance(user)) !== "5.000000000000", WITHIN_MS)).toBe(true);
  const line = await user.ok(explainTransaction, { id: (await newest(user)).id });
  expect(line).toMatchObject({
    amount: `-${event.total_cost}`,
    hold: { hold_id, state: "captured" },
    usage: {
      id: event.id,
      basis: "price",
      price: { service: "openrouter" },
      markup_class: "budget",
      input_tokens: 1000,
    },
    draws: [{ lot: 1, kind: "monthly", amount: `-${event.total_cost}` }],
  });
  expect(await user.ok(getBalance)).toMatchObject({ held: "0.000000000000" });
  expect(
    await codeOf(bus.ask(captureHold, { user_id: user.sub, hold_id, amount: "1", service: "chat" }, SERVICE)),
  ).toBe("hold_ended");
});

test("a hold without an event is captured or released by request, once, and a repeat gets the first answer", async () => {
  const user = await newUser();
  const of = (hold_id: string) => ({ user_id: user.sub, hold_id });
  for (const id of ["a", "b"]) await bus.ask(createHold, { ...of(id), amount: "2", ttl_s: 60 }, SERVICE);
  const capture = { ...of("a"), amount: "0.5", service: "batch" };
  const captured = await bus.ask(captureHold, capture, SERVICE);
  expect(await bus.ask(captureHold, capture, SERVICE)).toEqual(captured);
  expect((await bus.ask(releaseHold, of("b"), SERVICE)).state).toBe("released");
  expect(await user.ok(getBalance)).toMatchObject({ balance: "4.500000000000", held: "0.000000000000" });
  expect(await codeOf(bus.ask(captureHold, { ...capture, amount: "0.6" }, SERVICE))).toBe("idempotency_conflict");
  expect(await codeOf(bus.ask(releaseHold, of("a"), SERVICE))).toBe("hold_ended");
  expect(await codeOf(bus.ask(createHold, { ...of("c"), amount: "4.6", ttl_s: 60 }, SERVICE))).toBe(
    "insufficient_credits",
  );
});

test("a refund goes back where it came from, and never beyond the line", async () => {
  const [user, root] = [await newUser(), await admin()];
  await root.ok(deduct, { user_id: user.sub, amount: "3", service: "batch" });
  const { id } = await newest(user);
  const back = { user_id: user.sub, reason: "a fault of ours", transaction_id: id };
  expect(await root.ok(refund, { ...back, amount: "2" })).toMatchObject({ balance: "4.000000000000" });
  expect(await root.refused(refund, { ...back, amount: "1.000000000001" })).toMatchObject({
    code: "invalid_request",
    errors: [{ path: "amount" }],
  });
  expect(await root.ok(refund, { ...back, amount: "1" })).toMatchObject({ balance: "5.000000000000" });
  const refunded = await user.ok(explainTransaction, { id: (await newest(user)).id });
  expect(refunded).toMatchObject({
    refunds: id,
    reason: "a fault of ours",
    draws: [{ lot: 1, amount: "1.000000000000" }],
  });
});

test("another user's line is not found, not to refund and not to look at", async () => {
  const [owner, other, root] = [await newUser(), await newUser(), await admin()];
  await Promise.all([owner, other].map((user) => user.ok(getBalance)));
  const { id } = await newest(owner);
  expect(await other.refused(explainTransaction, { id })).toMatchObject({ code: "not_found" });
  expect(await other.refused(explainTransaction, { id, user_id: owner.sub })).toMatchObject({ code: "forbidden" });
  expect(
    await root.refused(refund, { user_id: other.sub, amount: "1", reason: "x", transaction_id: id }),
  ).toMatchObject({ code: "not_found" });
});

test("tiers: what each would cost is what switching costs, and toggling earns nothing", async () => {
  const user = await newUser();
  const dues = async () =>
    Object.fromEntries((await user.ok(listTiers)).map(({ tier, amount_due }) => [tier, amount_due]));
  expect(await dues()).toEqual({
    trial: "0.000000000000",
    starter: "15.000000000000",
    professional: "45.000000000000",
    enterprise: "95.000000000000",
  });
  expect(await user.ok(switchTier, { new_tier: "starter" })).toMatchObject({
    tier: "starter",
    balance: "20.000000000000",
    amount_due: "15.000000000000",
  });
  expect(await dues()).toMatchObject({ starter: "0.000000000000", professional: "30.000000000000" });
  expect(await user.ok(switchTier, { new_tier: "trial" })).toMatchObject({
    tier: "starter",
    balance: "20.000000000000",
    amount_due: "0.000000000000",
  });
  expect(await user.ok(switchTier, { new_tier: "starter" })).toMatchObject({
    tier: "starter",
    amount_due: "0.000000000000",
  });
  expect(await user.refused(switchTier, { new_tier: "enterprise" })).toMatchObject({ code: "forbidden" });
  expect(await (await admin()).ok(switchTier, { user_id: user.sub, new_tier: "enterprise" })).toMatchObject({
    balance: "999999.990000000000",
  });
});

test("20 switches at once end at professional with exactly 60 granted", async () => {
  const user = await newUser();
  const all = await Promise.all(Array.from({ length: 20 }, () => user.ok(switchTier, { new_tier: "professional" })));
  expect(all.filter(({ amount_due }) => amount_due !== "0.000000000000")).toHaveLength(1);
  expect(await balance(user)).toBe("60.000000000000");
});

test("an admin corrects up and down, a bonus burns in its own order, a reset by hand grants anew once", async () => {
  const user = await newUser();
  const of = { user_id: user.sub };
  await bus.ask(adjust, { ...of, amount: "1.5", reason: "a mistake" }, ADMIN);
  await bus.ask(adjust, { ...of, amount: "-7", reason: "a mistake" }, ADMIN);
  expect(await balance(user)).toBe("-0.500000000000");
  await bus.ask(grantBonus, { ...of, amount: "2", source: "spring" }, SERVICE);
  expect(await user.ok(getBalance)).toMatchObject({ balance: "1.500000000000", bonus_credits: "1.500000000000" });
  for (let i = 0; i < 2; i++) await bus.ask(resetPeriod, of, SERVICE);
  expect(await balance(user)).toBe("6.500000000000");
  expect(await codeOf(bus.ask(adjust, { ...of, amount: "1", reason: "x" }, SERVICE))).toBe("forbidden");
});

test("the balance of a past moment is what the journal says", async () => {
  const [user, root] = [await newUser(), await admin()];
  await user.ok(getBalance);
  await root.ok(allocate, { user_id: user.sub, amount: "10", source: "invoice" });
  const { created_at } = (await user.ok(listTransactions, { limit: 1 }))[0] as { created_at: string };
  const before = new Date(Date.parse(created_at) - 1).toISOString();
  expect(await user.ok(getBalance, { as_of: created_at })).toMatchObject({
    balance: "15.000000000000",
    as_of: created_at,
  });
  expect(await user.ok(getBalance, { as_of: before })).toMatchObject({ balance: "5.000000000000" });
  expect(await user.ok(getBalance, { as_of: "2020-01-01T00:00:00Z" })).toMatchObject({
    balance: "0.000000000000",
    transaction_id: null,
  });
});

test("whether a balance is sufficient is told without taking anything", async () => {
  const user = await newUser();
  const ask = async (amount: string, of = user.sub) => bus.ask(checkBalance, { user_id: of, amount }, SERVICE);
  expect(await codeOf(ask("1"))).toBe("not_found");
  await user.ok(getBalance);
  expect(await ask("5")).toMatchObject({ sufficient: true });
  const short = await ask("5.000000000001");
  expect([short.sufficient, print(short.required), print(short.available)]).toEqual([
    false,
    "5.000000000001",
    "5.000000000000",
  ]);
  await bus.ask(createHold, { user_id: user.sub, hold_id: "h", amount: "2", ttl_s: 60 }, SERVICE);
  expect(await ask("5")).toMatchObject({ sufficient: false });
  expect(await balance(user)).toBe("5.000000000000");
});

test("an account can be made before its first use, once", async () => {
  const user = await newUser();
  const made = await Promise.all(
    Array.from({ length: 10 }, async () => bus.ask(createAccount, { user_id: user.sub }, SERVICE)),
  );
  expect(new Set(made.map((one) => print(one.balance)))).toEqual(new Set(["5.000000000000"]));
  expect(await user.ok(listTransactions)).toHaveLength(1);
});

test("200 holds at once of a user who can afford 50 give 50, and every one ends once", async () => {
  const user = await newUser();
  await (await admin()).ok(allocate, { user_id: user.sub, amount: "45", source: "invoice" });
  const ids = Array.from({ length: 200 }, (_, i) => `${i}`);
  const made = await Promise.all(
    ids.map((hold_id) => codeOf(bus.ask(createHold, { user_id: user.sub, hold_id, amount: "1", ttl_s: 60 }, SERVICE))),
  );
  expect(made.filter((code) => code === "done")).toHaveLength(50);
  await Promise.all(ids.map((hold_id) => codeOf(bus.ask(releaseHold, { user_id: user.sub, hold_id }, SERVICE))));
  expect(await user.ok(getBalance)).toMatchObject({
    balance: "50.000000000000",
    available: "50.000000000000",
    held: "0.000000000000",
  });
});
