import type { z } from "zod";
import { expect, test } from "vitest";
import {
  allocate,
  deduct,
  getBalance,
  type CreditBalance,
  listTransactions,
} from "@tollbooth/shared/contracts/credits";
import { listTiers } from "@tollbooth/shared/contracts/tiers";
import { admin, newUser, Person, service, somebody } from "../harness/person.ts";

/** Requests state amounts so, and no other way; as JSON, because some are no values of JavaScript. */
// prettier-ignore
const AMOUNTS: readonly (readonly [json: string, taken: string])[] = [
  ['"1"', "1.000000000000"],
  ['"1.50"', "1.500000000000"],
  ['"000000002"', "2.000000000000"],
  ['"0.000000000001"', "0.000000000001"],
  ['"999999999.999999999999"', "999999999.999999999999"],
  ["1", "1.000000000000"],
  ["0.1", "0.100000000000"],
  ["1e-7", "0.000000100000"],
  ["1E2", "100.000000000000"],
  ["123456.789012345", "123456.789012345000"],
  ["0.10000000000000001", "0.100000000000"],
];

// prettier-ignore
const NO_AMOUNTS = [
  '"0"', '"0.000000000000"', "0", "-0", "-1", '"-1"', '"+1"', '"1e3"', '"1E-3"', '"1."', '".5"', '""', '" 1"', '"1 "', '"1,5"', '"0x1"', '"NaN"',
  '"Infinity"', '"١"', '"0.0000000000001"', '"1000000000"', "1000000000", "1e9", "1e400", "0.1234567890123456", "1e-13", "true", "null", "[1]", "{}",
];

function raw(person: Person, path: string, json: string) {
  return person.send("POST", path, { body: json, headers: { "content-type": "application/json" } });
}

test("one's own first sight is an account on the trial tier", async () => {
  const user = await newUser();
  const before = Date.now();
  const balance = (await user.ok(getBalance)) as z.input<typeof CreditBalance>;
  expect(balance).toEqual({
    user_id: user.sub,
    balance: "5.000000000000",
    available: "5.000000000000",
    held: "0.000000000000",
    allocated_monthly: "5.000000000000",
    bonus_credits: "0.000000000000",
    free_tier_used: "0.000000000000",
    tier: "trial",
    reset_date: monthAfter(balance.created_at),
    last_updated: balance.last_updated,
    created_at: balance.created_at,
  });
  expect(Date.parse(balance.last_updated)).toBeGreaterThanOrEqual(Date.parse(balance.created_at));
  expect(Math.abs(Date.parse(balance.created_at) - before)).toBeLessThan(5_000);
  expect(await user.ok(getBalance, { user_id: user.sub })).toEqual(balance);
  expect(await (await admin()).ok(getBalance, { user_id: user.sub })).toEqual(balance);
});

test.each(AMOUNTS)("an amount of %s is taken as %s", async (json, taken) => {
  const [root, user] = [await admin(), somebody()];
  await raw(root, "/allocate", `{"user_id":"${user}","source":"test","amount":${json}}`);
  const [line] = await root.ok(listTransactions, { user_id: user });
  expect(line?.amount).toBe(taken);
});

test.each(NO_AMOUNTS)("an amount of %s is refused by all who take amounts", async (json) => {
  const [root, user] = [await admin(), somebody()];
  for (const [path, fields, field] of [
    ["/allocate", `"user_id":"${user}","source":"test"`, "amount"],
    ["/deduct", `"user_id":"${user}","service":"test"`, "amount"],
    ["/usage/track", '"service":"chat"', "cost"],
    ["/usage/track", '"service":"chat"', "provider_cost"],
  ] as const) {
    // What was used may have cost nothing.
    if (path === "/usage/track" && /^"?-?0[.0]*"?$/.test(json)) continue;
    const answer = await raw(root, path, `{${fields},"${field}":${json}}`);
    expect([path, answer.status, answer.json]).toEqual([
      path,
      422,
      expect.objectContaining({ code: "invalid_request", errors: [expect.objectContaining({ path: field })] }),
    ]);
  }
});

test("what was allocated is there, and says who gave it and why", async () => {
  const [root, user] = [await admin(), await newUser()];
  const metadata = { invoice: 7, lines: ["a", { b: null }] };
  const balance = await root.ok(allocate, { user_id: user.sub, amount: 12.5, source: "invoice 7", metadata });
  expect(balance).toMatchObject({
    user_id: user.sub,
    balance: "17.500000000000",
    available: "17.500000000000",
    bonus_credits: "0.000000000000",
  });
  const [line, first] = await user.ok(listTransactions);
  expect(line).toEqual({
    id: line?.id,
    user_id: user.sub,
    amount: "12.500000000000",
    balance_after: "17.500000000000",
    transaction_type: "allocation",
    service: null,
    model: null,
    cost_breakdown: null,
    actor: { sub: root.sub, role: "admin" },
    reason: "invoice 7",
    metadata,
    created_at: balance.last_updated,
  });
  expect(first).toMatchObject({ amount: "5.000000000000", transaction_type: "allocation", actor: { role: "system" } });
});

test("an allocation says why", async () => {
  const root = await admin();
  for (const source of [undefined, "", 7, "x".repeat(256)]) {
    const problem = await root.refused(allocate, { user_id: somebody(), amount: 1, source });
    expect(problem).toMatchObject({ status: 422, errors: [{ path: "source" }] });
  }
});

test("what was deducted is gone, and says for what", async () => {
  const [reporter, user] = [await service(), await newUser()];
  await user.ok(getBalance);
  const cost_breakdown = { provider_cost: "1", markup: "0.25", total: 1.25 };
  const use = { service: "images", model: "big one", cost_breakdown, metadata: { job: "9" } };
  const balance = await reporter.ok(deduct, { user_id: user.sub, amount: "1.25", ...use });
  expect(balance).toMatchObject({ balance: "3.750000000000", available: "3.750000000000" });
  const [line] = await user.ok(listTransactions);
  expect(line).toEqual({
    id: line?.id,
    user_id: user.sub,
    amount: "-1.250000000000",
    balance_after: "3.750000000000",
    transaction_type: "usage",
    service: "images",
    model: "big one",
    cost_breakdown: { provider_cost: "1.000000000000", markup: "0.250000000000", total: "1.250000000000" },
    actor: { sub: reporter.sub, role: "service" },
    reason: null,
    metadata: { job: "9" },
    created_at: balance.last_updated,
  });
});

test("a deduction whose parts do not add up is refused", async () => {
  const reporter = await service();
  for (const cost_breakdown of [
    { provider_cost: "1", markup: "0.25", total: "1.26" },
    { provider_cost: "1", markup: "0.24", total: "1.25" },
    { provider_cost: "1.25", total: "1.25" },
    { provider_cost: "1.25", markup: "-0.1", total: "1.15" },
  ]) {
    const problem = await reporter.refused(deduct, {
      user_id: somebody(),
      amount: "1.25",
      service: "images",
      cost_breakdown,
    });
    expect(problem).toMatchObject({ status: 422, code: "invalid_request" });
  }
});

test("a deduction is all or nothing, and its refusal tells both numbers", async () => {
  const [reporter, user] = [await service(), await newUser()];
  const problem = await reporter.refused(deduct, { user_id: user.sub, amount: "5.000000000001", service: "images" });
  expect(problem).toMatchObject({
    status: 402,
    code: "insufficient_credits",
    required: "5.000000000001",
    available: "5.000000000000",
  });
  expect(await user.ok(getBalance)).toMatchObject({ balance: "5.000000000000" });
  expect(await user.ok(listTransactions)).toHaveLength(1);
  expect(await reporter.ok(deduct, { user_id: user.sub, amount: "5", service: "images" })).toMatchObject({
    balance: "0.000000000000",
  });
});

test("a refusal that was remembered stays one when credits have come meanwhile", async () => {
  const [reporter, root, user] = [await service(), await admin(), somebody()];
  const [request, headers] = [{ user_id: user, amount: "6", service: "images" }, { "idempotency-key": "k" }];
  const first = await reporter.refused(deduct, request, headers);
  await root.ok(allocate, { user_id: user, amount: "10", source: "test" });
  const again = await reporter.ask(deduct, request, headers);
  const { trace_id: _first, ...told } = first;
  const { trace_id: _again, ...toldAgain } = again.json as typeof first;
  expect(toldAgain).toEqual(told);
  expect(await reporter.ok(deduct, request, { "idempotency-key": "l" })).toMatchObject({ balance: "9.000000000000" });
});

test("tiers are told to anybody, cheapest first", async () => {
  const tiers = await Person.with(undefined).ok(listTiers);
  expect(tiers.map((tier) => ({ ...tier, features: [] }))).toEqual([
    { tier: "trial", price_monthly: "4.000000000000", credits_monthly: "5.000000000000", features: [] },
    { tier: "starter", price_monthly: "19.000000000000", credits_monthly: "20.000000000000", features: [] },
    { tier: "professional", price_monthly: "49.000000000000", credits_monthly: "60.000000000000", features: [] },
    { tier: "enterprise", price_monthly: "99.000000000000", credits_monthly: "999999.990000000000", features: [] },
  ]);
  for (const { features } of tiers) expect(features).not.toEqual([]);
});

/** A month later, or the last day of that month. */
function monthAfter(text: string): string {
  const [from, to] = [new Date(text), new Date(text)];
  to.setUTCMonth(from.getUTCMonth() + 1);
  if (to.getUTCDate() !== from.getUTCDate()) to.setUTCDate(0);
  return to.toISOString();
}
