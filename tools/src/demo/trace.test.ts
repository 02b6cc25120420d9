import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readTrace } from "./trace.ts";

const END_MS = Date.parse("2026-03-01T12:00:00Z");
const HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens";

test("a trace is moved as it is, so that its last request is now", () => {
  const csv = `${HEAD}\r\n2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109\r\n`;
  expect(readTrace(csv, END_MS)).toEqual([
    { atMs: END_MS - 4315, promptTokens: 374, completionTokens: 44 },
    { atMs: END_MS, promptTokens: 396, completionTokens: 109 },
  ]);
});

test("times may state their zone and come in any order", () => {
  const csv = `${HEAD}\n2024-05-10 00:00:10+00:00,1,2\n2024-05-10T02:00:00+02:00,3,4\n2024-05-10T00:00:05Z,5,6`;
  expect(readTrace(csv, END_MS).map(({ atMs, promptTokens }) => [atMs - END_MS, promptTokens])).toEqual([
    [-10_000, 3],
    [-5000, 5],
    [0, 1],
  ]);
});

// prettier-ignore
const bad = [
  { csv: `${HEAD}\n`,                               says: "The trace cannot be read: the trace is empty." },
  { csv: `${HEAD}\nyesterday,1,2\n`,                says: "The trace cannot be read, request 1, TIMESTAMP: a time such as" },
  { csv: `${HEAD}\n2023-11-16 18:15:46,1,-2\n`,     says: "The trace cannot be read, request 1, GeneratedTokens: a whole number of tokens." },
  { csv: `TIMESTAMP,Tokens\n2023-11-16 18:15:46,1`, says: "The trace cannot be read, request 1, ContextTokens:" },
];

test.each(bad)("what is wrong with a trace is told in one sentence: $says", ({ csv, says }) => {
  expect(() => readTrace(csv, END_MS)).toThrow(says);
});

const FILE = new URL("../../../../shared/data/traces/azure-llm-conv-2023.csv", import.meta.url);
const isThere = existsSync(FILE);
if (!isThere) console.warn("The public trace does not lie beside this checkout: it is not read.");

test.skipIf(!isThere)("the public trace is read whole", () => {
  const requests = readTrace(readFileSync(FILE, "utf8"), END_MS);
  const sumOf = (of: "promptTokens" | "completionTokens") =>
    requests.reduce((total, request) => total + request[of], 0);
  expect([requests.length, sumOf("promptTokens"), sumOf("completionTokens")]).toEqual([19_366, 22_361_870, 4_088_665]);
});
