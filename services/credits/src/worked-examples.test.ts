import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { examplesOf, retell } from "./testing/example.ts";

const FILE = new URL("../../../docs/LEDGER.md", import.meta.url);
const examples = examplesOf(readFileSync(FILE, "utf8"));

test("docs/LEDGER.md has two worked examples", () => {
  expect(examples.length).toBeGreaterThanOrEqual(2);
});

test.each(examples.map((example, i) => [i + 1, example] as const))(
  "the ledger does what worked example %d of docs/LEDGER.md says, to every number",
  (_, example) => {
    expect(retell(example)).toBe(example);
  },
);
