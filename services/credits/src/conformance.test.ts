/** Scenarios that other systems' tests publish, played through `decide`. Those that need a real Postgres are played in conformance.int.test.ts. */
import { expect, test } from "vitest";
import { decimal } from "@tollbooth/shared/money";
import { rollover, expiredRow, overdraft, scale, sequence } from "./testing/case-lots.ts";
import { consume, order } from "./testing/case-order.ts";
import { correction, holds } from "./testing/case-steps.ts";
import { timeline } from "./testing/case-timeline.ts";
import { foreign, playAll, readCases, type Case, type Family } from "./testing/cases.ts";

const elsewhere = foreign("played on a real Postgres: see conformance.int.test.ts");

const PLAYED = { timeline, consume, order, hold: holds, rollover, correction, expired_row: expiredRow };
const FAMILIES: Readonly<Record<string, Family>> = {
  ...PLAYED,
  overdraft,
  scale,
  sequence,
  two_phase: elsewhere,
  idempotency: elsewhere,
  concurrency: elsewhere,
  as_of: foreign("debits dated ahead"),
  atomicity: foreign("several commands as one"),
  clamp: foreign("takes what there is and forgets the rest"),
  credit_system: foreign("units of a feature beside credits"),
  error: foreign("answers of another interface"),
  gauge_limit: foreign("a limit on a reading, no credits"),
  issue_regression: foreign("told in words, not in numbers: other tests hold what it is about"),
  live_balance: foreign("charges that wait to be settled: here posting settles"),
  meter_credit: foreign("counters that a reset forgets"),
  multi_wallet: foreign("several wallets of a user"),
  rate: foreign("credits in another unit than USD"),
  rounding: foreign("amounts rounded to cents"),
  split: foreign("portions of whole units"),
  void: foreign("a lot that is voided"),
};

/** Where a case says what it expects. */
const EXPECTED = /\.(expect|queries|allocations|total|broken|new_lot_available|balances)\b|^\.steps\.\d+\.balance$/;
const cases = readCases();

test.skipIf(cases === undefined)("every offered case of other systems gives the numbers it gives there", async () => {
  const { table, wrong, offered } = await playAll(cases ?? [], FAMILIES);
  console.log(table);
  expect(wrong).toEqual([]);
  expect([...offered]).toEqual(expect.arrayContaining(Object.keys(PLAYED)));
});

test.skipIf(cases === undefined)("no expected number can be changed by one without being found out", async () => {
  const missed: string[] = [];
  let changed = 0;
  for (const each of cases ?? []) {
    for (const { path, value } of changes(each)) {
      // The lots of the large case are all alike.
      if (each.family === "scale" || !(each.family in FAMILIES)) continue;
      const { offered, wrong } = await playAll([value], FAMILIES);
      changed += offered.size;
      if (offered.size > 0 && wrong.length === 0) missed.push(each.id + path);
    }
  }
  expect(missed).toEqual([]);
  expect(changed).toBeGreaterThan(100);
});

/** The case with each of its expected numbers raised by one. */
function changes(each: Case): { path: string; value: Case }[] {
  return numbersOf(each, "")
    .filter((path) => EXPECTED.test(path))
    .map((path) => {
      const value = structuredClone(each);
      const [last, ...first] = path.slice(1).split(".").toReversed() as [string, ...string[]];
      const at = first.toReversed().reduce<Record<string, unknown>>((node, key) => node[key] as typeof node, value);
      at[last] = decimal(String(at[last])).plus(1).toFixed();
      return { path, value };
    });
}

function numbersOf(node: unknown, path: string): string[] {
  if (typeof node === "string") return /^-?\d+(\.\d+)?$/.test(node) ? [path] : [];
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, inner]) => numbersOf(inner, `${path}.${key}`));
}
