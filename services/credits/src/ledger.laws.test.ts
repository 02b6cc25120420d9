import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sum, ZERO, type Money } from "@tollbooth/shared/money";
import { available, balance } from "./account.ts";
import { decide } from "./ledger.ts";
import { worth, type Lot } from "./lots.ts";
import { anyHistory, DAY_MS, unfold, type Step } from "./testing/commands.ts";

const law = (check: (all: Step[]) => void) =>
  fc.assert(
    fc.property(anyHistory, (history) => check([...unfold(history)])),
    { numRuns: 1000 },
  );

describe("laws", () => {
  test("conservation: the balance is the sum of the journal, and what lots, holds and debt say", () => {
    law((all) => {
      let total = ZERO;
      let seq = 0;
      for (const { after, lines } of all) {
        for (const line of lines) {
          total = total.plus(line.amount);
          expect(line.seq).toBe(++seq);
          expect(line.balanceAfter.toFixed()).toBe(total.toFixed());
          expect(sum(line.draws.map((draw) => draw.amount)).toFixed()).toBe(line.amount.toFixed());
        }
        expect(balance(after).toFixed()).toBe(total.toFixed());
        expect(after.lastSeq).toBe(seq);
      }
    });
  });

  test("every lot is worth exactly what its draws say, and never less than nothing or more than was granted", () => {
    law((all) => {
      const drawn = new Map<number | "debt", Money>();
      for (const { after, lines } of all) {
        for (const { lot, amount } of lines.flatMap((line) => line.draws))
          drawn.set(lot, (drawn.get(lot) ?? ZERO).plus(amount));
        for (const lot of after.lots.filter(({ active }) => active)) {
          expect(lot.remaining.toFixed()).toBe(drawn.get(lot.lot)?.toFixed());
          expect(lot.remaining.gte(0) && lot.remaining.lte(lot.granted)).toBe(true);
        }
        expect(after.debt.neg().toFixed()).toBe((drawn.get("debt") ?? ZERO).toFixed());
      }
    });
  });

  test("no overspend: a deduction never takes more than was available, and is refused only then", () => {
    law((all) => {
      for (const { before, command, refusal, nowMs } of all) {
        if (command.kind !== "deduct") continue;
        const there = available(decide(before, { kind: "settle" }, nowMs).account);
        expect(refusal === undefined).toBe(command.amount.lte(there));
      }
    });
  });

  test("nothing is owed while credits are there", () => {
    law((all) => {
      for (const { after } of all) expect(after.debt.gt(0) && worth(after.lots).gt(0)).toBe(false);
    });
  });

  test("a lot never burns before it begins nor at or after its end", () => {
    law((all) => {
      const lots = new Map<number, Lot>();
      for (const { after, lines } of all) {
        for (const lot of after.lots) lots.set(lot.lot, lot);
        for (const line of lines.filter(({ type }) => type === "usage")) {
          for (const { lot } of line.draws) {
            if (lot === "debt") continue;
            const { effectiveAt, expiresAt } = lots.get(lot) as Lot;
            expect(line.createdAt >= effectiveAt && line.createdAt < (expiresAt ?? Infinity)).toBe(true);
          }
        }
      }
    });
  });

  test("a refusal changes nothing that time had not changed", () => {
    law((all) => {
      for (const { before, after, nowMs } of all.filter(({ refusal }) => refusal !== undefined)) {
        expect(after).toEqual(decide(before, { kind: "settle" }, nowMs).account);
      }
    });
  });

  test("settling twice is settling once, and in two steps is settling in one", () => {
    law((all) => {
      for (const { after, nowMs } of all) {
        const later = nowMs + 50 * DAY_MS;
        const half = decide(after, { kind: "settle" }, nowMs + 25 * DAY_MS);
        expect(decide(half.account, { kind: "settle" }, later).account).toEqual(
          decide(after, { kind: "settle" }, later).account,
        );
        expect(decide(half.account, { kind: "settle" }, nowMs + 25 * DAY_MS).lines).toEqual([]);
      }
    });
  });

  test("the journal's times never run backwards", () => {
    law((all) => {
      const times = all.flatMap(({ lines }) => lines.map(({ createdAt }) => createdAt));
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    });
  });
});
