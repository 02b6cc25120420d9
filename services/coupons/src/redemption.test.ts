import { describe, expect, test } from "vitest";
import { decimal } from "@tollbooth/shared/money";
import { creditsAwarded, refusal, type Coupon } from "./redemption.ts";

const coupon: Coupon = {
  id: "1",
  code: "SPRING",
  type: "credit_bonus",
  value: decimal(5),
  description: null,
  maxUses: 2,
  usedCount: 1,
  expiresAt: 1000,
  isActive: true,
  createdBy: "admin",
  createdAt: 0,
  updatedAt: 0,
};

describe("a coupon", () => {
  // prettier-ignore
  test.each([
    { name: "may be redeemed in its time",                 now: 999,  before: false, change: {},                   code: undefined },
    { name: "ends at its last instant",                    now: 1000, before: false, change: {},                   code: "coupon_expired" },
    { name: "without an end never ends",                   now: 1e15, before: false, change: { expiresAt: null },  code: undefined },
    { name: "is used up",                                  now: 1,    before: false, change: { usedCount: 2 },     code: "coupon_exhausted" },
    { name: "without a limit is never used up",            now: 1,    before: false, change: { maxUses: null, usedCount: 1e9 }, code: undefined },
    { name: "that was ended is not redeemed",              now: 1,    before: false, change: { isActive: false },  code: "coupon_inactive" },
    { name: "is redeemed once by one user",                now: 1,    before: true,  change: {},                   code: "already_redeemed" },
    { name: "tells first that it was redeemed before",     now: 2000, before: true,  change: { isActive: false },  code: "already_redeemed" },
  ])("$name", ({ now, before, change, code }) => {
    expect(refusal({ ...coupon, ...change }, before, now)?.code).toBe(code);
  });

  test("awards credits at once only where it is a bonus", () => {
    const awards = (["credit_bonus", "free_month", "percentage_discount", "fixed_discount"] as const).map((type) =>
      creditsAwarded({ ...coupon, type }).toFixed(),
    );
    expect(awards).toEqual(["5", "0", "0", "0"]);
  });
});
