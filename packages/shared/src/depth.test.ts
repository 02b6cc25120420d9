import fc from "fast-check";
import { expect, test } from "vitest";
import { isDeeper } from "./depth.ts";

const nested = (levels: number, [open, close]: readonly [string, string]) =>
  `${open.repeat(levels)}1${close.repeat(levels)}`;
const depthOf = (value: unknown): number =>
  typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

// prettier-ignore
test.each([
  { name: "lists",                            text: nested(3, ["[", "]"]),         levels: 3 },
  { name: "objects",                          text: nested(3, ['{"a":', "}"]),     levels: 3 },
  { name: "one after the other",              text: "[[],[],[[]],{}]",             levels: 3 },
  { name: "brackets in texts",                text: '["[[[[","]]]","{{{",[1]]',    levels: 2 },
  { name: "quotes in texts",                  text: '["a\\"[[[[",[1]]',            levels: 2 },
  { name: "a backslash at the end of a text", text: '["a\\\\",[[1]]]',             levels: 3 },
  { name: "a text that does not end",         text: '[["[[[[',                     levels: 2 },
])("$name are $levels levels", ({ text, levels }) => {
  expect([isDeeper(text, levels - 1), isDeeper(text, levels)]).toEqual([true, false]);
});

const text = fc.string({ unit: fc.constantFrom('"', "\\", "[", "{", "]", "}", "a"), maxLength: 8 });
const values = fc.array(fc.oneof(text, fc.array(text), fc.dictionary(text, fc.array(text), { maxKeys: 3 })));

test("any JSON is as deep as what it is parsed to", () => {
  fc.assert(
    fc.property(values, (value) => {
      const [json, levels] = [JSON.stringify(value), depthOf(value)];
      expect([isDeeper(json, levels - 1), isDeeper(json, levels)]).toEqual([true, false]);
    }),
  );
});

test("four million levels are told from the first ones", () => {
  const lists = nested(4_000_000, ["[", "]"]);
  const sinceMs = performance.now();
  expect(isDeeper(lists, 32)).toBe(true);
  // To parse them takes seconds.
  expect(performance.now() - sinceMs).toBeLessThan(500);
});
