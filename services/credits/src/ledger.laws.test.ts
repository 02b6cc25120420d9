import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decimal, sum, ZERO } from "@tollbooth/shared/money";
import { available, balance, type Account, type Line } from "./account.ts";
import type { Hold } from "./hold.ts";
import { decide } from "./ledger.ts";
import { ofDebt, worth, type Draw, type Lot } from "./lots.ts";
import {
  anyAmount,
  anyHistory,
  charge,
  DAY_MS,
  deduct,
  fresh,
  hold,
  refund,
  release,
  settle,
  START_MS,
  TIERS,
  unfold,
  type Step,
} from "./testing/commands.ts";

const law = (check: (all: Step[]) => void) =>
  fc.assert(
    fc.property(anyHistory, fc.boolean(), (history, overdraft) =>
      check(unfold(history, { ...fresh(), overdraftLimit: decimal(overdraft ? 3 : 0) })),
    ),
    { numRuns: 1000 },
  );

const settled = (account: Account, nowMs: number) => decide(account, settle, nowMs).account;
const total = (draws: readonly Draw[], lot: number | "debt") =>
  sum(draws.filter((draw) => draw.lot === lot).map(({ amount }) => amount));
const lotsOf = (account: Account) =>
  account.lots
    .filter(({ active }) => active)
    .map(({ lot, remaining, held }) => `${lot}: ${remaining.toFixed()} + ${held.toFixed()}`);

describe("laws of the books", () => {
  test("conservation: the balance is the sum of the journal, and what lots, holds and debt say", () => {
    law((all) => {
      let balanceNow = ZERO;
      let seq = 0;
      for (const { after, lines } of all) {
        for (const line of lines) {
          balanceNow = balanceNow.plus(line.amount);
          expect(line.seq).toBe(++seq);
          expect(line.balanceAfter.toFixed()).toBe(balanceNow.toFixed());
          expect(sum(line.draws.map((draw) => draw.amount)).toFixed()).toBe(line.amount.toFixed());
        }
        expect([balance(after).toFixed(), after.lastSeq]).toEqual([balanceNow.toFixed(), seq]);
      }
    });
  });

  test("every lot, and the debt, is worth exactly what the journal and the holds drew", () => {
    law((all) => {
      const draws: Draw[] = [];
      for (const { after, lines } of all) {
        draws.push(...lines.flatMap((line) => line.draws));
        const paid = after.holds.flatMap((each) => each.paid);
        for (const { lot, remaining, held, granted } of after.lots.filter(({ active }) => active)) {
          expect(remaining.plus(held).toFixed()).toBe(total([...draws, ...paid], lot).toFixed());
          expect(held.toFixed()).toBe(
            total(
              after.holds.flatMap(({ parts }) => parts),
              lot,
            ).toFixed(),
          );
          expect(remaining.gte(0) && held.gte(0) && remaining.plus(held).lte(granted)).toBe(true);
        }
        const overdrawn = ofDebt(after.holds.flatMap(({ parts }) => parts));
        expect(after.debt.neg().toFixed()).toBe(
          total([...draws, ...paid], "debt")
            .minus(overdrawn)
            .toFixed(),
        );
        expect(after.debt.gte(0)).toBe(true);
      }
    });
  });

  test("what is held is what active holds hold", () => {
    law((all) => {
      for (const { after } of all) {
        const active = after.holds.filter(({ state }) => state === "active");
        expect(after.held.toFixed()).toBe(sum(active.map(({ amount }) => amount)).toFixed());
        for (const { parts, amount } of active)
          expect(sum(parts.map((part) => part.amount)).toFixed()).toBe(amount.toFixed());
      }
    });
  });

  test("nothing is owed while credits are there", () => {
    law((all) => {
      for (const { after } of all) expect(after.debt.gt(0) && worth(after.lots).gt(0)).toBe(false);
    });
  });

  test("a refusal changes nothing that time had not changed", () => {
    law((all) => {
      for (const { before, after, nowMs } of all.filter(({ refusal }) => refusal !== undefined)) {
        expect(after).toEqual(settled(before, nowMs));
      }
    });
  });
});

describe("laws of spending", () => {
  test("no overspend: deductions and holds are refused exactly beyond what they may take", () => {
    law((all) => {
      for (const { before, command, refusal, nowMs } of all) {
        const now = settled(before, nowMs);
        if (command.kind === "deduct") expect(refusal === undefined).toBe(command.amount.lte(available(now)));
        if (command.kind === "hold" && !now.holds.some(({ holdId }) => holdId === command.holdId)) {
          expect(refusal === undefined).toBe(command.amount.lte(available(now).plus(now.overdraftLimit)));
        }
      }
    });
  });

  test("a fact is never refused: every charge lowers the balance by what it cost", () => {
    law((all) => {
      for (const { before, after, command, refusal, nowMs, lines } of all) {
        if (command.kind !== "charge") continue;
        const expired = sum(lines.filter(({ type }) => type === "expiry").map(({ amount }) => amount));
        const before1 = decide(before, settle, nowMs);
        const expiredBefore = sum(before1.lines.filter(({ type }) => type === "expiry").map(({ amount }) => amount));
        expect(refusal).toBeUndefined();
        expect(balance(before1.account).minus(balance(after)).plus(expired.minus(expiredBefore)).toFixed()).toBe(
          command.amount.toFixed(),
        );
      }
    });
  });

  test("a hold ends once, its end never changes, and it is settled by one line at most", () => {
    law((all) => {
      const ends = new Map<string, Pick<Hold, "state" | "endedAt" | "capturedLine">>();
      for (const { holdId, ...now } of all.flatMap(({ after }) =>
        after.holds.filter(({ state }) => state !== "active"),
      )) {
        const { state, endedAt, capturedLine } = now;
        const first = ends.get(holdId) ?? { state, endedAt, capturedLine };
        expect({ state, endedAt }).toEqual({ state: first.state, endedAt: first.endedAt });
        expect([null, capturedLine]).toContain(first.capturedLine);
        ends.set(holdId, { state, endedAt, capturedLine });
      }
    });
  });

  test("all refunds of a line together never exceed it, and never give a lot more than the line took from it", () => {
    law((all) => {
      const lines: Line[] = all.flatMap((step) => step.lines);
      for (const line of lines.filter(({ refunds }) => refunds !== null)) {
        const cited = lines.find(({ seq }) => seq === line.refunds) as Line;
        const back = lines.filter(({ refunds }) => refunds === cited.seq);
        expect(sum(back.map(({ amount }) => amount)).lte(cited.amount.neg())).toBe(true);
        for (const { lot, amount } of cited.draws.filter((draw) => draw.lot !== "debt")) {
          expect(
            total(
              back.flatMap(({ draws }) => draws),
              lot,
            ).lte(amount.neg()),
          ).toBe(true);
        }
      }
    });
  });

  test("hold inverse: create then release restores every lot, when none has ended", () => {
    fc.assert(
      fc.property(anyHistory, anyAmount, (history, amount) => {
        const start = unfold([...history, [0, settle]]).at(-1) as Step;
        const held = decide(start.after, hold("new", amount), start.nowMs);
        fc.pre(held.refusal === undefined);
        const back = decide(held.account, release("new"), start.nowMs);
        expect([lotsOf(back.account), back.account.debt.toFixed(), back.lines]).toEqual([
          lotsOf(start.after),
          start.after.debt.toFixed(),
          [],
        ]);
      }),
      { numRuns: 1000 },
    );
  });

  test("refund inverse: deduct then refund of that line restores every lot, when none has ended and nothing is owed", () => {
    fc.assert(
      fc.property(anyHistory, anyAmount, (history, amount) => {
        const before = unfold([...history, [0, settle]]).at(-1) as Step;
        const steps = unfold([
          ...history,
          [0, settle],
          [0, deduct(amount)],
          [0, refund(amount, before.after.lastSeq + 1)],
        ]);
        fc.pre(steps.at(-2)?.refusal === undefined);
        expect(steps.at(-1)?.refusal).toBeUndefined();
        expect(lotsOf((steps.at(-1) as Step).after)).toEqual(lotsOf(before.after));
      }),
      { numRuns: 1000 },
    );
  });

  test("capture of all that is held costs what a charge would have cost", () => {
    fc.assert(
      fc.property(anyHistory, anyAmount, (history, amount) => {
        const start = unfold([...history, [0, settle]]).at(-1) as Step;
        const held = decide(start.after, hold("new", amount), start.nowMs);
        fc.pre(held.refusal === undefined);
        const captured = decide(held.account, charge(amount, { holdId: "new" }), start.nowMs);
        const charged = decide(start.after, charge(amount), start.nowMs);
        expect(lotsOf(captured.account)).toEqual(lotsOf(charged.account));
        expect(balance(captured.account).toFixed()).toBe(balance(charged.account).toFixed());
      }),
      { numRuns: 1000 },
    );
  });
});

describe("laws of time", () => {
  test("a lot never burns before it begins nor at or after its end, unless it was held before", () => {
    law((all) => {
      const lots = new Map<number, Lot>();
      for (const { after, lines, before } of all) {
        for (const lot of after.lots) lots.set(lot.lot, lot);
        for (const line of lines.filter(({ type }) => type === "usage" || type === "adjustment")) {
          const held = before.holds.find(({ holdId }) => holdId === line.holdId)?.parts ?? [];
          for (const { lot, amount } of line.draws) {
            if (lot === "debt") continue;
            const { effectiveAt, expiresAt } = lots.get(lot) as Lot;
            const beyondHeld = amount.neg().minus(total(held, lot));
            expect(line.createdAt >= effectiveAt).toBe(true);
            // A reset in the same step may have set the end that the line is measured by; then it is not before the line.
            if (beyondHeld.gt(0)) expect(line.createdAt < (expiresAt ?? Infinity)).toBe(true);
          }
        }
      }
    });
  });

  test("settling twice is settling once, and in two steps is settling in one", () => {
    law((all) => {
      for (const { after, nowMs } of all) {
        const half = decide(after, settle, nowMs + 25 * DAY_MS);
        expect(settled(half.account, nowMs + 50 * DAY_MS)).toEqual(settled(after, nowMs + 50 * DAY_MS));
        expect(decide(half.account, settle, nowMs + 25 * DAY_MS).lines).toEqual([]);
      }
    });
  });

  test("the journal's times never run backwards", () => {
    law((all) => {
      const times = all.flatMap(({ lines }) => lines.map(({ createdAt }) => createdAt));
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    });
  });

  test("every period is charged once, whatever happens in it", () => {
    law((all) => {
      const periods = all
        .flatMap(({ charges }) => charges)
        .filter(({ why }) => why === "period")
        .map(({ periodStart }) => periodStart);
      expect(new Set(periods).size).toBe(periods.length);
      const last = all.at(-1);
      if (last !== undefined) expect(periods.length).toBe(last.after.period + 1);
    });
  });

  test("in a period tiers grant exactly the most that any of its tiers gives, whatever the switching", () => {
    law((all) => {
      // A reset by hand grants anew: that is what it is for.
      const untilReset = all.slice(
        0,
        all.findIndex(({ command }) => command.kind === "reset"),
      );
      let start = START_MS;
      let [granted, most] = [ZERO, TIERS.trial.credits];
      for (const { after, lines } of untilReset) {
        if (after.periodStart !== start) [start, granted, most] = [after.periodStart, ZERO, ZERO];
        const ofTier = lines.filter(
          ({ createdAt, reason }) => createdAt >= start && /^(first period|period|switched)/.test(reason ?? ""),
        );
        granted = granted.plus(sum(ofTier.map(({ amount }) => amount)));
        most = most.gt(after.tier.credits) ? most : after.tier.credits;
        expect([start, granted.toFixed()]).toEqual([start, most.toFixed()]);
      }
    });
  });
});
