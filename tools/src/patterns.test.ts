/** Patterns that are tried on texts of strangers: none of them takes time that grows faster than the text does. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./checkout.ts";
import { isTest, readSources } from "./sources.ts";

/** A regular expression as it is written, after what can stand before one. */
const LITERAL =
  /(?<=(?:[(,=:?!&|;{}[\s]|return )\s*)\/(?![*/ ])(?<source>(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/(?<flags>[dgimsuvy]*)(?=[\s.,;)\]}])/g;
const COMMENT = /^\s*(?:\/?\*|\/\/).*$/gm;
/** What an operator sets, and what a disk holds, is not a stranger's. */
const TRUSTED = /\/(?:local|testing)\/|\/(?:config|telemetry|migrate|fake[\w-]*)\.ts$/;

const written = readSources()
  .filter(({ path }) => /^(packages|services)\//.test(path) && !isTest(path) && !TRUSTED.test(path))
  .flatMap(({ path, text }) =>
    [...text.replaceAll(COMMENT, "").matchAll(LITERAL)].map(({ groups = {} }) => ({
      path,
      source: groups["source"] ?? "",
      flags: (groups["flags"] ?? "").replace("g", ""),
    })),
  );
/** Those of the schemas, the ones that zod brings among them. */
const OPENAPI = "docs/openapi.json";
const ofSchemas = readFileSync(join(ROOT, OPENAPI), "utf8").match(/(?<="pattern": )"(?:[^"\\]|\\.)*"/g) ?? [];
const patterns = [
  ...written,
  ...[...new Set(ofSchemas)].map((text) => ({ path: OPENAPI, source: JSON.parse(text) as string, flags: "u" })),
];

/** By and by: what doubles with each character would never come to the end of the longest. */
const LENGTHS = [20, 24, 28, 30, 1_000, 50_000];
/** What patterns of ours look for, over and over, and then not what should come at the end. */
const UNITS = [
  ["a", "A", "0", "é", "🔑", " ", "\t", "\n", ".", "-", "_", "/", "%", "=", "\\", '"', "'", ",", ":", "[", "{"],
  ["a.", "a-", "a ", "a,", "a@", "0.", "://a:", "sk-", "Bearer ", "\\u", "-0", "a1"],
].flat();
const TEXTS = LENGTHS.flatMap((length) =>
  UNITS.flatMap((unit) => {
    const text = unit.repeat(length / unit.length);
    return [`${text}\0`, `a${text}!`, `sk-or-v1-${text}\0`, `"${text}`];
  }),
);
/** In proportion to its length a text takes a millisecond or two; by the square of it, some seconds. */
const TEXT_WITHIN_MS = 1_000;

test("patterns are found where they are written", () => {
  expect(written.length).toBeGreaterThan(40);
  expect(patterns.length - written.length).toBeGreaterThan(10);
});

test.each(patterns)("/$source/$flags of $path", ({ source, flags }) => {
  const pattern = new RegExp(source, flags);
  const slow = TEXTS.find((text) => {
    const sinceMs = performance.now();
    pattern.test(text);
    return performance.now() - sinceMs > TEXT_WITHIN_MS;
  });
  expect(slow?.slice(0, 20)).toBeUndefined();
});
