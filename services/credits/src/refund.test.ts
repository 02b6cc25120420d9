import { describe, expect, test } from "vitest";
import { balance } from "./account.ts";
import {
  charge,
  correct,
  DAY_MS,
  deduct,
  empty,
  grant,
  hold,
  refund,
  settle,
  START_MS,
  unfold,
  type History,
} from "./testing/commands.ts";

const after = (...history: History) => {
  const steps = unfold(history, empty());
  const account = steps.at(-1)?.after ?? empty();
  return {
    lots: Object.fromEntries(account.lots.map(({ lot, kind, remaining }) => [`${kind} ${lot}`, remaining.toFixed()])),
    balance: balance(account).toFixed(),
    debt: account.debt.toFixed(),
    refused: steps.flatMap(({ refusal }) => refusal?.more.errors?.map(({ path }) => path) ?? refusal?.code ?? []),
  };
};

describe("a refund", () => {
  test("of no line is a new lot, after what is owed is paid", () => {
    expect(after([0, charge("2")], [0, refund("5")])).toMatchObject({
      lots: { "refund 1": "3" },
      debt: "0",
      balance: "3",
    });
  });

  test("of a line goes back to the lots it was taken from, the last first", () => {
    const spent: History = [
      [0, grant("3")],
      [0, grant("5")],
      [0, deduct("6")],
    ];
    expect(after(...spent, [0, refund("4", 3)]).lots).toEqual({ "purchase 1": "1", "purchase 2": "5" });
    expect(after(...spent, [0, refund("4", 3)], [0, refund("2", 3)]).lots).toEqual({
      "purchase 1": "3",
      "purchase 2": "5",
    });
  });

  test.each([1, 2])("on day %d, of a lot that ended on day 1, is a new lot", (days) => {
    const ending = grant("5", { expiresAt: START_MS + DAY_MS });
    expect(after([0, ending], [0, deduct("4")], [days, refund("4", 2)]).lots).toEqual({
      "purchase 1": "0",
      "refund 2": "4",
    });
  });

  test("of a line that made debt pays that debt", () => {
    expect(after([0, grant("1")], [0, charge("4")], [0, refund("4", 2)])).toMatchObject({
      debt: "0",
      balance: "1",
      lots: { "purchase 1": "1" },
    });
  });

  test("pays present debt before it fills the line's lots", () => {
    expect(after([0, grant("5")], [0, deduct("5")], [0, charge("2")], [0, refund("5", 2)])).toMatchObject({
      debt: "0",
      lots: { "purchase 1": "3" },
    });
  });

  test("in parts goes where it would go at once, also to a lot that gave to a hold and beyond it", () => {
    const spent: History = [
      [0, grant("1")],
      [0, grant("10")],
      [0, hold("h", "4")],
      [0, charge("9", { holdId: "h" })],
    ];
    const atOnce = after(...spent, [0, refund("8.5", 3)]);
    expect(after(...spent, [0, refund("5", 3)], [0, refund("3.5", 3)])).toEqual(atOnce);
    expect(atOnce.lots).toEqual({ "purchase 1": "0.5", "purchase 2": "10" });
  });

  test("of more than is left of a line is refused, with what is left", () => {
    const spent: History = [
      [0, grant("5")],
      [0, deduct("4")],
      [0, refund("3", 2)],
    ];
    expect(after(...spent, [0, refund("1.000000000001", 2)]).refused).toEqual(["amount"]);
    expect(after(...spent, [0, refund("1", 2)])).toMatchObject({ refused: [], balance: "5" });
  });

  test("of what was granted is refused, and of what is not there is not found", () => {
    expect(after([0, grant("5")], [0, refund("1", 1)], [0, refund("1", 9)]).refused).toEqual([
      "transaction_id",
      "not_found",
    ]);
  });
});

describe("an admin's correction", () => {
  test("takes what is there and owes the rest", () => {
    expect(after([0, grant("1")], [0, correct("3")])).toMatchObject({ balance: "-2", debt: "2" });
  });
  test("gives a lot of its own", () => {
    expect(after([0, grant("2", { lotKind: "adjustment" })], [0, settle]).lots).toEqual({ "adjustment 1": "2" });
  });
});
