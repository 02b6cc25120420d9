/** Coupons: from their making to the credits and prices that they change. */
import { expect, test } from "vitest";
import {
  couponStats,
  createCoupon,
  deactivateCoupon,
  listCoupons,
  redeemCoupon,
  validateCoupon,
} from "@tollbooth/shared/contracts/coupons";
import { getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { listTiers, switchTier } from "@tollbooth/shared/contracts/tiers";
import { until } from "@tollbooth/shared/local/condition";
import { breaches } from "./harness/books.ts";
import { SERVICE, testBus } from "./harness/bus.ts";
import { admin, newUser, service, somebody, type Person } from "./harness/person.ts";

const { bus } = await testBus();
const WITHIN_MS = 10_000;
const root = await admin();

const coupon = async (coupon_type: string, value: string, more: object = {}) =>
  (await root.ok(createCoupon, { coupon_type, value, ...more })).code;
const balance = async (user: Person) => (await user.ok(getBalance)).balance;
const due = async (user: Person, tier: string) =>
  (await user.ok(listTiers)).find((each) => each.tier === tier)?.amount_due;
const statuses = async (asked: readonly Promise<{ status: number; json: unknown }>[]) =>
  (await Promise.all(asked)).map(({ status, json }) => (status === 200 ? "ok" : (json as { code: string }).code));
const count = (list: readonly string[], what: string) => list.filter((each) => each === what).length;

test("a bonus is redeemed in any case, arrives once, and the journal says where it comes from", async () => {
  const user = await newUser();
  const code = await coupon("credit_bonus", "2.5", { code: somebody("Spring") });
  expect(await user.ok(redeemCoupon, { code: code.toLowerCase() })).toMatchObject({
    code,
    credits_awarded: "2.500000000000",
  });
  expect(
    await until(async () => (await user.ok(listTransactions, { transaction_type: "bonus" })).length === 1, WITHIN_MS),
  ).toBe(true);
  expect((await user.ok(listTransactions, { transaction_type: "bonus" }))[0]).toMatchObject({
    amount: "2.500000000000",
    reason: `coupon ${code}`,
  });
});

test("discounts lower the next price due, once: a free month, a percentage, a fixed one", async () => {
  const user = await newUser();
  await user.ok(getBalance);
  for (const code of [await coupon("percentage_discount", "50"), await coupon("fixed_discount", "1")])
    await user.ok(redeemCoupon, { code });
  expect(await until(async () => (await due(user, "starter")) === "6.500000000000", WITHIN_MS)).toBe(true);
  expect(await user.ok(switchTier, { new_tier: "starter" })).toMatchObject({ amount_due: "6.500000000000" });
  await user.ok(redeemCoupon, { code: await coupon("free_month", "1") });
  expect(await until(async () => (await due(user, "professional")) === "0.000000000000", WITHIN_MS)).toBe(true);
});

test("60 users at once on a coupon of 10 uses give 10 and 50 refusals, and 10 awards arrive", async () => {
  const users = await Promise.all(Array.from({ length: 60 }, () => newUser()));
  const code = await coupon("credit_bonus", "1", { max_uses: 10 });
  const made = await statuses(users.map((user) => user.ask(redeemCoupon, { code })));
  expect([count(made, "ok"), count(made, "coupon_exhausted")]).toEqual([10, 50]);
  const awarded = async () => {
    const lists = await Promise.all(users.map((user) => user.ok(listTransactions, { transaction_type: "bonus" })));
    return lists.flat().length;
  };
  expect(await until(async () => (await awarded()) === 10, WITHIN_MS)).toBe(true);
  expect(await bus.ask(couponStats, { code }, SERVICE)).toMatchObject({ redemptions: 10 });
});

test("one user 30 times at once gets one award", async () => {
  const user = await newUser();
  const code = await coupon("credit_bonus", "1");
  const made = await statuses(Array.from({ length: 30 }, () => user.ask(redeemCoupon, { code })));
  expect([count(made, "ok"), count(made, "already_redeemed")]).toEqual([1, 29]);
  expect(await until(async () => (await balance(user)) === "6.000000000000", WITHIN_MS)).toBe(true);
});

test("validating consumes nothing and says why not; ending ends", async () => {
  const user = await newUser();
  const code = await coupon("credit_bonus", "1", { max_uses: 1 });
  for (let i = 0; i < 3; i++)
    expect(await user.ok(validateCoupon, { code })).toMatchObject({ valid: true, coupon: { code } });
  await user.ok(redeemCoupon, { code });
  expect(await user.ok(validateCoupon, { code })).toMatchObject({ valid: false, reason: "already_redeemed" });
  expect(await (await newUser()).ok(validateCoupon, { code })).toMatchObject({
    valid: false,
    reason: "coupon_exhausted",
  });
  expect(await root.ok(deactivateCoupon, { code })).toEqual({ message: `${code} can no longer be redeemed` });
  expect((await root.ok(listCoupons, { active_only: true, limit: 500 })).map((each) => each.code)).not.toContain(code);
  expect(await root.refused(deactivateCoupon, { code: somebody("code") })).toMatchObject({ code: "not_found" });
});

test("only an admin makes, lists and ends coupons; nobody learns of another's redemptions", async () => {
  const [user, chat] = [await newUser(), await service()];
  const code = await coupon("credit_bonus", "1");
  for (const who of [user, chat]) {
    expect(await who.refused(createCoupon, { coupon_type: "credit_bonus", value: "1" })).toMatchObject({
      code: "forbidden",
    });
    expect(await who.refused(listCoupons)).toMatchObject({ code: "forbidden" });
    expect(await who.refused(deactivateCoupon, { code })).toMatchObject({ code: "forbidden" });
  }
  expect(await user.refused(validateCoupon, { code, user_id: somebody() })).toMatchObject({ code: "forbidden" });
});

test("who guesses codes is made to wait, whoever knows one is not", async () => {
  const user = await newUser();
  const code = await coupon("credit_bonus", "1");
  for (let i = 0; i < 10; i++) expect((await user.ask(validateCoupon, { code: somebody("guess") })).status).toBe(404);
  const refused = await user.ask(redeemCoupon, { code });
  expect([refused.status, Number(refused.headers.get("retry-after")) > 0]).toEqual([429, true]);
  expect((await (await newUser()).ask(redeemCoupon, { code })).status).toBe(200);
});

test("an admin redeems for many users at once, whatever codes some of them guess", async () => {
  const code = await coupon("credit_bonus", "1");
  const users = await Promise.all(Array.from({ length: 20 }, newUser));
  const asked = (given: (user_id: string) => object) =>
    statuses(users.map(async ({ sub }) => root.ask(redeemCoupon, given(sub))));
  expect(count(await asked((user_id) => ({ code: somebody("guess"), user_id })), "not_found")).toBe(20);
  expect(count(await asked((user_id) => ({ code, user_id })), "ok")).toBe(20);
});

test("bad coupons are refused with the field that is wrong", async () => {
  const wrong = async (more: object) =>
    (await root.refused(createCoupon, { coupon_type: "credit_bonus", value: "1", ...more })).errors?.map(
      ({ path }) => path,
    );
  expect(await wrong({ coupon_type: "percentage_discount", value: "100.1" })).toEqual(["value"]);
  expect(await wrong({ max_uses: 0 })).toEqual(["max_uses"]);
  expect(await wrong({ expires_at: "2020-01-01T00:00:00Z" })).toEqual(["expires_at"]);
  expect(await wrong({ code: "a b" })).toEqual(["code"]);
  expect(await wrong({ code: "ABC", prefix: "X" })).toEqual(["prefix"]);
});

test("after all of this the books balance, redemptions and awards too", async () => {
  expect(await breaches()).toEqual([]);
});
