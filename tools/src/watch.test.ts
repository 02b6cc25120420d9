import { expect, test } from "vitest";
import type { Finding } from "./books.ts";
import { roundLine } from "./findings.ts";
import { lasting } from "./watch.ts";
import { breachReadings } from "./watch-metrics.ts";

const finding = (of: Finding["of"], ...breaches: string[]): Finding => ({ invariant: 4, of, says: "a law", breaches });

// prettier-ignore
test.each([
  { name: "on its way between the books is not told the first time",   of: "all",     before: [],         now: ["a"],      told: [] },
  { name: "still missing a round later is told",                       of: "all",     before: ["a"],      now: ["a", "b"], told: ["a"] },
  { name: "wrong within one service's books is told at once",          of: "credits", before: [],         now: ["a"],      told: ["a"] },
] as const)("what is $name", ({ of, before, now, told }) => {
  expect(lasting([finding(of, ...before)], [finding(of, ...now)])).toEqual([finding(of, ...told)]);
});

test("a round is one line, whatever was found", () => {
  const at = new Date("2026-01-31T12:00:00Z");
  expect(roundLine(at, [finding("all")], 1234)).toBe("2026-01-31T12:00:00.000Z ok (1 laws, 1.2 s)");
  expect(roundLine(at, [finding("all", "a", "b", "c"), finding("usage", "d")], 50)).toBe(
    "2026-01-31T12:00:00.000Z BROKEN (2 laws, 0.1 s): #4 a and 2 more; #4 d",
  );
});

test("a scraper reads breaches by invariant and books, also where there are none, and none of a round that failed", () => {
  expect(breachReadings({ findings: [finding("all", "a"), finding("all", "b"), finding("usage")] })).toEqual([
    { labels: { invariant: "4", of: "all" }, value: 2 },
    { labels: { invariant: "4", of: "usage" }, value: 0 },
  ]);
  expect(breachReadings({})).toEqual([]);
});
