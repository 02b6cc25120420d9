import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fault } from "@tollbooth/shared/fault";
import { decimal, print, sum, ZERO, type Money } from "@tollbooth/shared/money";
import { available, balance, type Account, type Line } from "./account.ts";
import type { Command } from "./command.ts";
import { decide } from "./ledger.ts";
import { worth, type Lot } from "./lots.ts";

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 31, 12);
const ADMIN = { sub: "admin", role: "admin" };

function fresh(tierCredits = "5"): Account {
  return {
    userId: "alice",
    tier: "trial",
    tierCredits: decimal(tierCredits),
    lots: [],
    held: ZERO,
    debt: ZERO,
    freeTierUsed: ZERO,
    lastSeq: 0,
    lastLot: 0,
    resetAt: START_MS + 28 * DAY_MS,
    createdAt: START_MS,
    updatedAt: START_MS,
  };
}

/** An account without a monthly grant, so that a test's own lots are all there is. */
const empty = () => fresh("0");

const grant = (amount: string, more: Partial<Extract<Command, { kind: "grant" }>> = {}): Command => ({
  kind: "grant",
  lotKind: "purchase",
  amount: decimal(amount),
  reason: "test",
  actor: ADMIN,
  ...more,
});
const deduct = (amount: string): Command => ({
  kind: "deduct",
  amount: decimal(amount),
  service: "chat",
  actor: ADMIN,
});
const charge = (amount: string, freeValue = "0"): Command => ({
  kind: "charge",
  amount: decimal(amount),
  freeValue: decimal(freeValue),
  service: "chat",
  actor: ADMIN,
});

interface Played {
  account: Account;
  lines: Line[];
  refusals: Fault[];
}

/** Plays commands at days after the start. */
function play(account: Account, ...steps: readonly (readonly [day: number, command: Command])[]): Played {
  const played: Played = { account, lines: [], refusals: [] };
  for (const [day, command] of steps) {
    const decision = decide(played.account, command, START_MS + day * DAY_MS);
    played.account = decision.account;
    played.lines.push(...decision.lines);
    if (decision.refusal) played.refusals.push(decision.refusal);
  }
  return played;
}

const left = (account: Account) => Object.fromEntries(account.lots.map((lot) => [lot.lot, lot.remaining.toFixed()]));

describe("the first sight of a user", () => {
  test("grants the tier's monthly credits once", () => {
    const { account, lines } = play(fresh(), [0, { kind: "settle" }], [1, { kind: "settle" }]);
    expect(lines.map(({ type, amount }) => [type, amount.toFixed()])).toEqual([["allocation", "5"]]);
    expect(print(balance(account))).toBe("5.000000000000");
  });
});

describe("what was served is owed", () => {
  // prettier-ignore
  test.each([
    { name: "leaves a rest",                lots: "10", cost: "2.5",            rest: "7.5", debt: "0" },
    { name: "takes all to the last digit",  lots: "10", cost: "10",             rest: "0",   debt: "0" },
    { name: "owes what is missing",         lots: "1",  cost: "1.000000000001", rest: "0",   debt: "0.000000000001" },
  ])("a charge $name", ({ lots, cost, rest, debt }) => {
    const { account } = play(empty(), [0, grant(lots)], [0, charge(cost)]);
    expect([worth(account.lots).toFixed(), account.debt.toFixed()]).toEqual([rest, debt]);
  });

  test("the next credit pays the debt first, and its line says so", () => {
    const { account, lines } = play(empty(), [0, charge("3")], [1, grant("10")]);
    expect(account.debt.toFixed()).toBe("0");
    expect(lines.at(-1)?.draws.map(({ lot, amount }) => [lot, amount.toFixed()])).toEqual([
      ["debt", "3"],
      [1, "7"],
    ]);
  });

  test("a credit smaller than the debt makes no lot", () => {
    const { account } = play(empty(), [0, charge("3")], [1, grant("1")]);
    expect([account.lots.length, account.debt.toFixed(), print(balance(account))]).toEqual([0, "2", "-2.000000000000"]);
  });

  test("free usage is counted and posts no line", () => {
    const { account, lines } = play(empty(), [0, charge("0", "0.25")], [0, charge("0", "0.5")]);
    expect([lines.length, account.freeTierUsed.toFixed()]).toEqual([0, "0.75"]);
  });
});

describe("a deduction is all or nothing", () => {
  test("more than is available is refused with both numbers and changes nothing", () => {
    const { account, lines, refusals } = play(empty(), [0, grant("2")], [0, deduct("2.5")]);
    expect(refusals.map(({ code, more }) => [code, more.facts])).toEqual([
      ["insufficient_credits", { required: "2.500000000000", available: "2.000000000000" }],
    ]);
    expect([lines.length, print(balance(account))]).toEqual([1, "2.000000000000"]);
  });
});

describe("burn order", () => {
  const bonus = { lotKind: "bonus" } as const;
  const until = (day: number) => ({ expiresAt: START_MS + day * DAY_MS });
  // prettier-ignore
  test.each([
    { name: "lower priority first",                first: grant("5", { priority: 9 }),             second: grant("5", { priority: 3 }),            left: { 1: "5", 2: "1" } },
    { name: "sooner expiry first",                 first: grant("5", until(20)),                   second: grant("5", until(10)),                  left: { 1: "5", 2: "1" } },
    { name: "what never ends last",                first: grant("5"),                              second: grant("5", until(10)),                  left: { 1: "5", 2: "1" } },
    { name: "promotional before paid",             first: grant("5", { priority: 20 }),            second: grant("5", { ...bonus, priority: 20 }), left: { 1: "5", 2: "1" } },
    { name: "older before newer",                  first: grant("5"),                              second: grant("5"),                             left: { 1: "1", 2: "5" } },
    { name: "priority before expiry",              first: grant("5", { priority: 1 }),             second: grant("5", { ...until(1), priority: 2 }), left: { 1: "1", 2: "5" } },
  ])("$name", ({ first, second, left: expected }) => {
    expect(left(play(empty(), [0, first], [0, second], [0, deduct("4")]).account)).toEqual(expected);
  });
});

describe("time is settled before anything is done", () => {
  test("a lot is worth nothing at its last instant, and its expiry line carries that instant", () => {
    const { account, lines, refusals } = play(
      empty(),
      [0, grant("5", { expiresAt: START_MS + DAY_MS })],
      [1, deduct("1")],
    );
    expect(refusals[0]?.code).toBe("insufficient_credits");
    expect(lines.map(({ type, amount, createdAt }) => [type, amount.toFixed(), createdAt])).toEqual([
      ["allocation", "5", START_MS],
      ["expiry", "-5", START_MS + DAY_MS],
    ]);
    expect(print(balance(account))).toBe("0.000000000000");
  });

  test("a lot counts from its first instant, and not before", () => {
    const later = grant("5", { effectiveAt: START_MS + DAY_MS });
    expect(play(empty(), [0, later], [0.9, deduct("1")]).refusals).toHaveLength(1);
    expect(play(empty(), [0, later], [1, deduct("1")]).refusals).toHaveLength(0);
  });

  test("a lot that begins pays the debt first", () => {
    const { account } = play(
      empty(),
      [0, grant("5", { effectiveAt: START_MS + DAY_MS })],
      [0, charge("2")],
      [1, { kind: "settle" }],
    );
    expect([account.debt.toFixed(), left(account)]).toEqual(["0", { 1: "3" }]);
  });

  test("at one instant what ends, ends before what begins begins", () => {
    const at = START_MS + DAY_MS;
    const { lines } = play(
      empty(),
      [0, grant("1", { effectiveAt: at })],
      [0, grant("2", { expiresAt: at })],
      [2, { kind: "settle" }],
    );
    expect(lines.map(({ type, amount }) => [type, amount.toFixed()])).toEqual([
      ["allocation", "2"],
      ["expiry", "-2"],
      ["allocation", "1"],
    ]);
  });

  test("a grant that is over before it begins is refused", () => {
    const { refusals } = play(empty(), [1, grant("1", { expiresAt: START_MS + DAY_MS })]);
    expect(refusals[0]?.code).toBe("invalid_request");
  });
});

describe("notices are told on crossing only", () => {
  test("overdrawn once, low once", () => {
    const notices: string[] = [];
    let account = fresh("10");
    for (const command of [charge("9.5"), charge("0.1"), charge("1"), charge("1")]) {
      const decision = decide(account, command, START_MS);
      account = decision.account;
      notices.push(...decision.notices.map(({ kind }) => kind));
    }
    expect(notices).toEqual(["low", "overdrawn"]);
  });
});

// ---- laws --------------------------------------------------------------------------------------------------------

const anyAmount = fc.bigInt(1n, 20_000_000_000_000n).map((picos) => decimal(picos.toString()).div("1e12"));
const anyDays = fc.integer({ min: 0, max: 40 });
const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  fc
    .record({
      amount: anyAmount,
      lotKind: fc.constantFrom("purchase" as const, "bonus" as const),
      priority: fc.integer({ min: 0, max: 3 }),
      from: anyDays,
      until: fc.option(anyDays),
    })
    .map(({ amount, lotKind, priority, from, until }): Command => ({
      kind: "grant",
      lotKind,
      amount,
      priority,
      reason: "any",
      actor: ADMIN,
      effectiveAt: START_MS + from * DAY_MS,
      expiresAt: until === null ? undefined : START_MS + until * DAY_MS,
    })),
  anyAmount.map((amount): Command => ({ kind: "deduct", amount, service: "chat", actor: ADMIN })),
  fc
    .tuple(anyAmount, anyAmount)
    .map(([amount, freeValue]): Command => ({ kind: "charge", amount, freeValue, service: "chat", actor: ADMIN })),
  fc.constant<Command>({ kind: "settle" }),
);
const anyHistory = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), anyCommand), { maxLength: 40 });

interface Step {
  before: Account;
  after: Account;
  command: Command;
  lines: readonly Line[];
  refusal: Fault | undefined;
  nowMs: number;
}

function* steps(history: readonly (readonly [number, Command])[]): Generator<Step> {
  let account = fresh();
  let nowMs = START_MS;
  for (const [days, command] of history) {
    nowMs += days * DAY_MS;
    const { account: after, lines, refusal } = decide(account, command, nowMs);
    yield { before: account, after, command, lines, refusal, nowMs };
    account = after;
  }
}

const law = (check: (all: Step[]) => void) =>
  fc.assert(
    fc.property(anyHistory, (history) => check([...steps(history)])),
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
      for (const { before, after, refusal, nowMs } of all) {
        if (refusal !== undefined) expect(after).toEqual(decide(before, { kind: "settle" }, nowMs).account);
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
