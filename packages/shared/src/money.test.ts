import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Amount, AmountOrZero, decimal, MoneyText, print, PriceText, round12, sum } from "./money.ts";

const anyAmount = fc.bigInt(-(10n ** 27n), 10n ** 27n).map((picos) => decimal(picos.toString()).div("1e12"));

describe("an amount in a request", () => {
  // prettier-ignore
  test.each([
    { value: "1.50",                     taken: "1.500000000000" },
    { value: "0.000000000001",           taken: "0.000000000001" },
    { value: "999999999.999999999999",   taken: "999999999.999999999999" },
    { value: 0.1,                        taken: "0.100000000000" },
    { value: 1e-7,                       taken: "0.000000100000" },
    { value: 123456789.123456,           taken: "123456789.123456000000" },
  ])("$value is taken as $taken", ({ value, taken }) => {
    expect(print(Amount.parse(value))).toBe(taken);
  });

  // prettier-ignore
  test.each([
    "0", 0, "-1", -1, "1e3", "1.0000000000001", "1000000000", "1,5", "", " 1", "1.", ".5", "+1", "NaN", "Infinity",
    1e9, 1e-13, 0.1234567890123456, Number.NaN, Number.POSITIVE_INFINITY, true, null, undefined, {}, ["1"], 1n,
  ])("%s is refused, never rounded", (value) => {
    expect(Amount.safeParse(value).success).toBe(false);
  });

  test("may be zero where the contract says so", () => {
    expect(print(AmountOrZero.parse("0"))).toBe("0.000000000000");
  });
});

describe("a price", () => {
  test.each(["-1", "-0.000001", "abc", "", "1e-7"])("%j is refused at the door", (value) => {
    expect(PriceText.safeParse(value).success).toBe(false);
  });
  test("keeps 24 places", () =>
    expect(PriceText.parse("0.000000020833333333333333").toFixed()).toBe("0.000000020833333333333333"));
});

describe("printing", () => {
  test("an amount finer than 12 places is a bug that is told, not rounded away", () => {
    expect(() => print(decimal("0.0000000000001"))).toThrow(RangeError);
  });
  test("there is no negative zero", () => expect(print(decimal("-0"))).toBe("0.000000000000"));
  test("a number with a fraction never becomes money by accident", () => expect(() => decimal(0.1)).toThrow(TypeError));

  test("parse after print is the identity", () => {
    fc.assert(
      fc.property(anyAmount, (amount) => MoneyText.parse(print(amount)).eq(amount)),
      { numRuns: 1000 },
    );
  });
});

describe("arithmetic", () => {
  test("sums keep every digit of 28, whatever their order", () => {
    fc.assert(
      fc.property(fc.array(anyAmount, { maxLength: 50 }), (amounts) => {
        const exact = amounts.reduce((total, amount) => total + BigInt(amount.times("1e12").toFixed()), 0n);
        expect(sum(amounts).times("1e12").toFixed()).toBe(exact.toString());
        expect(sum(amounts.toReversed()).eq(sum(amounts))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  // prettier-ignore
  test.each([
    { value: "0.0000000000005",  rounded: "0" },
    { value: "0.0000000000015",  rounded: "0.000000000002" },
    { value: "0.0000000000025",  rounded: "0.000000000002" },
    { value: "0.00000000000251", rounded: "0.000000000003" },
    { value: "-0.0000000000015", rounded: "-0.000000000002" },
  ])("$value is rounded half to even: $rounded", ({ value, rounded }) => {
    expect(round12(decimal(value)).toFixed()).toBe(rounded);
  });
});
