import { describe, expect, test } from "vitest";
import { decimal } from "@tollbooth/shared/money";
import { available, balance } from "./account.ts";
import {
  capture,
  charge,
  DAY_MS,
  deduct,
  empty,
  grant,
  hold,
  release,
  settle,
  START_MS,
  unfold,
  type History,
} from "./testing/commands.ts";

const after = (...history: History) => {
  const steps = unfold(history, empty());
  const account = steps.at(-1)?.after ?? empty();
  return {
    lots: Object.fromEntries(
      account.lots.map(({ lot, remaining, held }) => [lot, `${remaining.toFixed()} + ${held.toFixed()} held`]),
    ),
    available: available(account).toFixed(),
    balance: balance(account).toFixed(),
    debt: account.debt.toFixed(),
    holds: account.holds.map(({ holdId, state }) => `${holdId} ${state}`),
    refused: steps.flatMap(({ refusal }) => refusal?.code ?? []),
    lines: steps.flatMap(({ lines }) => lines.map(({ type, amount }) => `${type} ${amount.toFixed()}`)),
  };
};

describe("a hold", () => {
  test("takes its lots at once and changes no balance", () => {
    expect(after([0, grant("10")], [0, hold("h", "4")])).toMatchObject({
      lots: { 1: "6 + 4 held" },
      available: "6",
      balance: "10",
      lines: ["allocation 10"],
    });
  });

  test("is refused beyond what is available", () => {
    expect(after([0, grant("10")], [0, hold("a", "6")], [0, hold("b", "5")])).toMatchObject({
      refused: ["insufficient_credits"],
      available: "4",
    });
  });

  test("may go below nothing as far as the overdraft limit, and gives that back too", () => {
    const start = { ...empty(), overdraftLimit: decimal(5) };
    const steps = unfold(
      [
        [0, grant("10")],
        [0, hold("a", "14")],
        [0, hold("b", "2")],
        [0, release("a")],
      ],
      start,
    );
    expect(steps.map(({ after: account }) => [available(account).toFixed(), account.debt.toFixed()])).toEqual([
      ["10", "0"],
      ["-4", "4"],
      ["-4", "4"],
      ["10", "0"],
    ]);
    expect(steps[2]?.refusal?.code).toBe("insufficient_credits");
  });

  test("that went below nothing and was paid for meanwhile gives the user what he paid", () => {
    const start = { ...empty(), overdraftLimit: decimal(5) };
    const account =
      unfold(
        [
          [0, grant("10")],
          [0, hold("a", "14")],
          [0, grant("6")],
          [0, release("a")],
        ],
        start,
      ).at(-1)?.after ?? empty();
    expect([balance(account).toFixed(), available(account).toFixed(), account.debt.toFixed()]).toEqual([
      "16",
      "16",
      "0",
    ]);
  });
});

describe("a capture by the usage event that names the hold", () => {
  // prettier-ignore
  test.each([
    { name: "of less gives the rest back",               cost: "1",  leaves: { lots: { 1: "9 + 0 held" },  balance: "9",  debt: "0" } },
    { name: "of all takes all",                          cost: "4",  leaves: { lots: { 1: "6 + 0 held" },  balance: "6",  debt: "0" } },
    { name: "of more charges the rest",                  cost: "7",  leaves: { lots: { 1: "3 + 0 held" },  balance: "3",  debt: "0" } },
    { name: "of more than there is becomes debt",        cost: "12", leaves: { lots: { 1: "0 + 0 held" },  balance: "-2", debt: "2" } },
    { name: "of nothing gives all back and is no line",  cost: "0",  leaves: { lots: { 1: "10 + 0 held" }, balance: "10", debt: "0" } },
  ])("$name", ({ cost, leaves }) => {
    expect(after([0, grant("10")], [0, hold("h", "4")], [0, charge(cost, { holdId: "h" })])).toMatchObject({ ...leaves, holds: ["h captured"] });
  });

  test("gives back to the lots it came from, the last first", () => {
    const two: History = [
      [0, grant("3")],
      [0, grant("5")],
      [0, hold("h", "6")],
      [0, charge("4", { holdId: "h" })],
    ];
    expect(after(...two).lots).toEqual({ 1: "0 + 0 held", 2: "4 + 0 held" });
  });

  // prettier-ignore
  test.each([
    { name: "expired",     before: [[0, hold("h", "4", 1)], [2, settle]] as History,  state: "h expired" },
    { name: "released",    before: [[0, hold("h", "4")], [0, release("h")]] as History, state: "h released" },
    { name: "unknown",     before: [] as History,                                     state: "h captured" },
  ])("of a hold that is $name charges what was served; its first ending stays", ({ before, state }) => {
    expect(after([0, grant("10")], ...before, [0, charge("3", { holdId: "h" })])).toMatchObject({ balance: "7", holds: [state] });
  });
});

describe("a capture by request", () => {
  test("takes what an event would have taken", () => {
    expect(after([0, grant("10")], [0, hold("h", "4")], [0, capture("h", "3")])).toMatchObject({
      balance: "7",
      holds: ["h captured"],
      refused: [],
    });
  });

  // prettier-ignore
  test.each([
    { name: "captured",                              before: [[0, hold("h", "4")], [0, capture("h", "3")]] as History },
    { name: "charged by its event",                  before: [[0, hold("h", "4")], [0, charge("3", { holdId: "h" })]] as History },
    { name: "charged by its event after it expired", before: [[0, hold("h", "4", 1)], [2, charge("3", { holdId: "h" })]] as History },
    { name: "charged by its event without a create", before: [[0, charge("3", { holdId: "h" })]] as History },
  ])("of a hold that was $name is refused and takes nothing", ({ before }) => {
    expect(after([0, grant("10")], ...before, [0, capture("h", "3")])).toMatchObject({ balance: "7", refused: ["hold_ended"] });
  });

  test("of a hold that has expired pays for what was served", () => {
    expect(after([0, grant("10")], [0, hold("h", "4", 1)], [2, capture("h", "3")])).toMatchObject({
      balance: "7",
      holds: ["h expired"],
    });
  });
});

describe("the end of a hold", () => {
  test("comes by itself when its time is over", () => {
    expect(after([0, grant("10")], [0, hold("h", "4", 1)], [0.9, deduct("7")], [0.1, deduct("7")])).toMatchObject({
      refused: ["insufficient_credits"],
      balance: "3",
      holds: ["h expired"],
    });
  });

  test("is final: release after release, after capture and after expiry is told so", () => {
    expect(
      after(
        [0, grant("10")],
        [0, hold("a", "1")],
        [0, charge("1", { holdId: "a" })],
        [0, release("a")],
        [0, hold("b", "1", 1)],
        [2, release("b")],
      ).refused,
    ).toEqual(["hold_ended", "hold_ended"]);
  });

  test("before its beginning leaves a tombstone: a late create is refused", () => {
    expect(
      after(
        [0, grant("10")],
        [0, release("a")],
        [0, hold("a", "1")],
        [0, charge("1", { holdId: "b" })],
        [0, hold("b", "1")],
      ),
    ).toMatchObject({
      refused: ["hold_ended", "hold_ended"],
      available: "9",
    });
  });

  test("gives back to a lot that has ended meanwhile, whose expiry line follows at once", () => {
    const ending = grant("10", { expiresAt: START_MS + DAY_MS });
    expect(after([0, ending], [0, hold("h", "4", 5)], [2, settle], [1, release("h")])).toMatchObject({
      balance: "0",
      lines: ["allocation 10", "expiry -6", "expiry -4"],
    });
  });

  test("pays what is owed with what came back", () => {
    expect(after([0, grant("10")], [0, hold("h", "10")], [0, charge("3")], [0, release("h")])).toMatchObject({
      balance: "7",
      available: "7",
      debt: "0",
      lots: { 1: "7 + 0 held" },
    });
  });

  test("what is held outlives its lot: a capture after the lot's end still takes from it", () => {
    const ending = grant("10", { expiresAt: START_MS + DAY_MS });
    expect(after([0, ending], [0, hold("h", "4", 5)], [2, charge("4", { holdId: "h" })])).toMatchObject({
      balance: "0",
      debt: "0",
      lines: ["allocation 10", "expiry -6", "usage -4"],
    });
  });
});
