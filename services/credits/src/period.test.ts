import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decimal, ZERO } from "@tollbooth/shared/money";
import { balance, type Account } from "./account.ts";
import { decide } from "./ledger.ts";
import { worth } from "./lots.ts";
import { amountDue, periodEnd, rolledOver, type Discount } from "./period.ts";
import {
  ADMIN,
  charge,
  DAY_MS,
  deduct,
  discount,
  fresh,
  grant,
  hold,
  release,
  reset,
  settle,
  START_MS,
  switchTo,
  TIERS,
  unfold,
  USER,
  type History,
} from "./testing/commands.ts";

const end = (...history: History) => unfold(history).at(-1)?.after ?? fresh();
const linesOf = (...history: History) =>
  unfold(history).flatMap(({ lines }) => lines.map(({ type, amount }) => `${type} ${amount.toFixed()}`));
const dues = (...history: History) =>
  unfold(history).flatMap(({ charges }) => charges.map(({ why, tier, due }) => `${why} ${tier} ${due.toFixed()}`));
const money = (account: Account) => balance(account).toFixed();

describe("the end of a period", () => {
  // prettier-ignore
  test.each([
    { anchor: "2026-01-31T12:00:00Z", n: 0,  ends: "2026-02-28T12:00:00.000Z" },
    { anchor: "2026-01-31T12:00:00Z", n: 1,  ends: "2026-03-31T12:00:00.000Z" },
    { anchor: "2026-01-31T12:00:00Z", n: 2,  ends: "2026-04-30T12:00:00.000Z" },
    { anchor: "2027-12-31T23:59:59Z", n: 1,  ends: "2028-02-29T23:59:59.000Z" },
    { anchor: "2024-02-29T00:00:00Z", n: 11, ends: "2025-02-28T00:00:00.000Z" },
    { anchor: "2024-02-29T00:00:00Z", n: 47, ends: "2028-02-29T00:00:00.000Z" },
    { anchor: "2026-05-15T08:30:00Z", n: 7,  ends: "2027-01-15T08:30:00.000Z" },
  ])("$n of $anchor is $ends", ({ anchor, n, ends }) => {
    expect(new Date(periodEnd(Date.parse(anchor), n)).toISOString()).toBe(ends);
  });

  test("comes after the one before, within 28 to 31 days, for ever", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date("1990-01-01"), max: new Date("2090-01-01"), noInvalidDate: true }),
        fc.integer({ min: 0, max: 600 }),
        (anchor, n) => {
          const days = (periodEnd(anchor.getTime(), n + 1) - periodEnd(anchor.getTime(), n)) / DAY_MS;
          expect(days >= 28 && days <= 31).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("a reset", () => {
  test("ends what is left of the month and starts the next one; what was bought stays", () => {
    const history: History = [
      [0, settle],
      [0, grant("7")],
      [0, charge("2", { freeValue: "0.5" })],
      [28, settle],
    ];
    expect(linesOf(...history)).toEqual(["allocation 5", "allocation 7", "usage -2", "expiry -3", "monthly_reset 5"]);
    expect([money(end(...history)), end(...history).freeTierUsed.toFixed()]).toEqual(["12", "0"]);
  });

  test("that was missed is caught up, one a period", () => {
    expect(linesOf([0, settle], [89, settle]).filter((line) => line.startsWith("monthly_reset"))).toHaveLength(3);
    expect(money(end([0, settle], [365, settle]))).toBe("5");
  });

  test("pays the debt first", () => {
    expect(money(end([0, charge("7")], [28, settle]))).toBe("3");
  });

  test("does not touch what is held; what comes back of it afterwards has ended", () => {
    const history: History = [
      [0, settle],
      [0, hold("h", "4", 40)],
      [28, settle],
      [1, release("h")],
    ];
    expect(linesOf(...history)).toEqual(["allocation 5", "expiry -1", "monthly_reset 5", "expiry -4"]);
    expect(money(end(...history))).toBe("5");
  });

  test("carries the tier's rollover share over once", () => {
    const tier = { ...TIERS.trial, rollover: decimal("0.5") };
    const steps = unfold(
      [
        [0, settle],
        [28, settle],
        [31, settle],
        [30, settle],
      ],
      fresh(tier),
    );
    expect(steps.map(({ after }) => money(after))).toEqual(["5", "7.5", "7.5", "7.5"]);
    expect(rolledOver(decimal("0.000000000003"), tier).toFixed()).toBe("0.000000000002");
  });

  test("by hand grants anew once a period and moves no end", () => {
    const history: History = [
      [0, settle],
      [0, charge("4")],
      [1, reset()],
      [0, charge("1")],
      [1, reset()],
    ];
    expect(money(end(...history))).toBe("4");
    expect(end(...history).resetAt).toBe(periodEnd(START_MS, 0));
    expect(money(end(...history, [0, charge("4")], [26, settle], [1, charge("1")], [0, reset()]))).toBe("5");
  });
});

describe("switching tiers", () => {
  test("up acts now and grants what the new tier gives beyond what the period granted", () => {
    const history: History = [
      [0, settle],
      [0, switchTo(TIERS.starter)],
      [1, switchTo(TIERS.professional)],
    ];
    expect(linesOf(...history)).toEqual(["allocation 5", "allocation 15", "allocation 40"]);
    expect(dues(...history)).toEqual(["period trial 4", "switch starter 15", "switch professional 30"]);
  });

  test("down waits for the next reset", () => {
    const history: History = [
      [0, switchTo(TIERS.professional)],
      [0, switchTo(TIERS.starter)],
      [27, settle],
    ];
    expect(end(...history).tier.tier).toBe("professional");
    expect(end(...history, [1, settle]).tier.tier).toBe("starter");
    expect(dues(...history, [1, settle]).at(-1)).toBe("period starter 19");
    expect(end(...history, [1, settle]).pendingTier).toBeNull();
  });

  test("up again after a reset grants and costs what is beyond the new period, whatever the old one gave", () => {
    const history: History = [
      [0, switchTo(TIERS.professional)],
      [0, switchTo(TIERS.starter)],
      [28, switchTo(TIERS.professional)],
    ];
    expect(linesOf(...history).at(-1)).toBe("allocation 40");
    expect(dues(...history).slice(-2)).toEqual(["period starter 19", "switch professional 30"]);
  });

  test("to one's own tier cancels a pending downgrade and costs nothing", () => {
    const account = end(
      [0, switchTo(TIERS.professional)],
      [0, switchTo(TIERS.starter)],
      [0, switchTo(TIERS.professional)],
      [28, settle],
    );
    expect(account.tier.tier).toBe("professional");
  });

  test("back and forth a hundred times earns nothing and is charged once", () => {
    const toggles: History = Array.from(
      { length: 100 },
      (_, i) => [0, switchTo(i % 2 === 0 ? TIERS.professional : TIERS.trial)] as const,
    );
    expect(money(end(...toggles))).toBe("60");
    expect(dues(...toggles)).toEqual(["period trial 4", "switch professional 45"]);
  });

  test("to enterprise needs an admin", () => {
    const by = (actor: typeof USER) => unfold([[0, switchTo(TIERS.enterprise, actor)]])[0];
    expect([by(USER)?.refusal?.code, by(ADMIN)?.refusal]).toEqual(["forbidden", undefined]);
    expect(money((by(ADMIN) as NonNullable<ReturnType<typeof by>>).after)).toBe("999999.99");
  });

  test("never grants more than the dearest tier of the period, used or not", () => {
    expect(
      money(
        end(
          [0, settle],
          [0, deduct("5")],
          [0, switchTo(TIERS.starter)],
          [0, deduct("15")],
          [0, switchTo(TIERS.trial)],
          [0, switchTo(TIERS.starter)],
        ),
      ),
    ).toBe("0");
  });
});

describe("what is due of a price", () => {
  const all: Record<string, Discount> = {
    month: { id: "m", kind: "free_month", value: ZERO },
    tenth: { id: "p", kind: "percentage", value: decimal(10) },
    third: { id: "t", kind: "percentage", value: decimal("33.333333333333") },
    three: { id: "f", kind: "fixed", value: decimal(3) },
    big: { id: "b", kind: "fixed", value: decimal(1000) },
  };
  // prettier-ignore
  test.each([
    { has: [],                          due: "19",   used: [] },
    { has: ["three", "tenth"],          due: "14.1", used: ["tenth", "three"] },
    { has: ["tenth", "tenth"],          due: "15.39", used: ["tenth", "tenth"] },
    { has: ["three", "tenth", "month"], due: "0",    used: ["month"] },
    { has: ["month", "month"],          due: "0",    used: ["month"] },
    { has: ["third"],                   due: "12.666666666667", used: ["third"] },
    { has: ["big", "three"],            due: "0",    used: ["big"] },
  ])("of 19 with $has is $due, and uses $used", ({ has, due, used }) => {
    const result = amountDue(decimal(19), has.map((name) => all[name] as Discount));
    expect([result.due.toFixed(), result.used]).toEqual([due, used.map((name) => all[name])]);
  });

  test("a discount lowers the next price due, once", () => {
    expect(
      dues(
        [0, settle],
        [0, discount("percentage", "50")],
        [0, switchTo(TIERS.starter)],
        [0, switchTo(TIERS.professional)],
      ),
    ).toEqual(["period trial 4", "switch starter 7.5", "switch professional 30"]);
    expect(dues([0, settle], [0, discount("free_month")], [28, settle], [31, settle])).toEqual([
      "period trial 4",
      "period trial 0",
      "period trial 4",
    ]);
  });

  test("nothing is due twice and no discount is used where nothing is due", () => {
    const account = end(
      [0, switchTo(TIERS.professional)],
      [0, discount("free_month")],
      [0, switchTo(TIERS.starter)],
      [0, switchTo(TIERS.professional)],
    );
    expect(account.discounts).toHaveLength(1);
    expect(decide(account, settle, START_MS + 28 * DAY_MS).charges.map(({ due }) => due.toFixed())).toEqual(["0"]);
  });

  test("the month's lots are the tier's", () => expect(worth(end([0, settle]).lots, "monthly").toFixed()).toBe("5"));
});
