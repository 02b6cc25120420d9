import { describe, expect, test } from "vitest";
import type { Fault } from "@tollbooth/shared/fault";
import { decimal, print } from "@tollbooth/shared/money";
import { balance, NOTHING_TOLD, post, type Account, type Line } from "./account.ts";
import type { Command } from "./command.ts";
import { decide } from "./ledger.ts";
import { worth } from "./lots.ts";
import { charge, DAY_MS, deduct, empty, fresh, grant, hold, settle, START_MS } from "./testing/commands.ts";

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
    const { account, lines } = play(fresh(), [0, settle], [1, settle]);
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
    const { account, lines } = play(
      empty(),
      [0, charge("0", { freeValue: "0.25" })],
      [0, charge("0", { freeValue: "0.5" })],
    );
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

  test("what counts longer is older, whichever was granted first", () => {
    const later = grant("5", { effectiveAt: START_MS + DAY_MS });
    const { account } = play(empty(), [0, later], [0, grant("5")], [1, deduct("4")]);
    expect(left(account)).toEqual({ 1: "5", 2: "1" });
  });

  test("the month's credits are promotional: they burn before what was paid for earlier", () => {
    const { account } = play(fresh(), [0, grant("5", { priority: 10 })], [28, deduct("4")]);
    expect(left(account)).toMatchObject({ 2: "5", 3: "1" });
  });
});

test("a line whose draws do not add up to what the balance changes by is never made", () => {
  const draft = { account: empty(), lines: [], charges: [] };
  const richer = play(empty(), [0, grant("5")]).account;
  const draws = [{ lot: 1, amount: decimal(4) }];
  expect(() => post(draft, richer, "allocation", "issuance", draws, NOTHING_TOLD, START_MS)).toThrow("add up to 4");
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
      [1, settle],
    );
    expect([account.debt.toFixed(), left(account)]).toEqual(["0", { 1: "3" }]);
  });

  test("at one instant what ends, ends before what begins begins", () => {
    const at = START_MS + DAY_MS;
    const { lines } = play(
      empty(),
      [0, grant("1", { effectiveAt: at })],
      [0, grant("2", { expiresAt: at })],
      [2, settle],
    );
    expect(lines.map(({ type, amount }) => [type, amount.toFixed()])).toEqual([
      ["allocation", "2"],
      ["expiry", "-2"],
      ["allocation", "1"],
    ]);
  });

  test("a hold and its lot that end at one instant are one end: what came back ends with the rest", () => {
    const ending = grant("5", { expiresAt: START_MS + DAY_MS });
    const { lines } = play(empty(), [0, ending], [0, hold("h", "2", 1)], [2, settle]);
    expect(lines.map(({ type, amount }) => [type, amount.toFixed()])).toEqual([
      ["allocation", "5"],
      ["expiry", "-5"],
    ]);
  });

  test.each([
    ["bonus", "bonus"],
    ["adjustment", "adjustment"],
    ["purchase", "allocation"],
  ] as const)("a %s that begins later is told as %s", (lotKind, type) => {
    const { lines } = play(empty(), [0, grant("1", { lotKind, effectiveAt: START_MS + DAY_MS })], [1, settle]);
    expect(lines.map((line) => line.type)).toEqual([type]);
  });

  test("a grant that is over before it begins is refused", () => {
    const { refusals } = play(empty(), [1, grant("1", { expiresAt: START_MS + DAY_MS })]);
    expect(refusals[0]?.code).toBe("invalid_request");
  });
});

describe("notices are told on crossing only", () => {
  test("overdrawn once, low once", () => {
    const notices: string[] = [];
    let account = fresh();
    for (const command of [charge("4.75"), charge("0.1"), charge("1"), charge("1")]) {
      const decision = decide(account, command, START_MS);
      account = decision.account;
      notices.push(...decision.notices.map(({ kind }) => kind));
    }
    expect(notices).toEqual(["low", "overdrawn"]);
  });
});
