import { expect, test } from "vitest";
import { idempotencyKey } from "./idempotency.ts";

/** A header as Node gives it: the client's UTF-8 bytes, each as one character. */
const asNode = (text: string) => Buffer.from(text, "utf8").toString("latin1");

// prettier-ignore
test.each([
  ["no header",              undefined,                undefined],
  ["bare",                   ["order-1"],              "order-1"],
  ["quoted is the same key", ['"order-1"'],            "order-1"],
  ["escapes in quotes",      ['"a\\"b\\\\c"'],         'a"b\\c'],
  ["a quote inside a bare",  ['a"b'],                  'a"b'],
  ["spaces and commas",      ["a, b"],                 "a, b"],
  ["255 characters",         ["k".repeat(255)],        "k".repeat(255)],
  ["UTF-8",                  [asNode("Kaffee für 2€")], "Kaffee für 2€"],
  ["beyond the basic plane", [asNode("🔑")],           "🔑"],
])("a key is read: %s", (_, headers, key) => {
  expect(idempotencyKey(headers)).toBe(key);
});

// prettier-ignore
test.each([
  ["empty",                  [""]],
  ["empty in quotes",        ['""']],
  ["256 characters",         ["k".repeat(256)]],
  ["a control character",    ["a\tb"]],
  ["a C1 control character", [asNode("a\u0085b")]],
  ["not UTF-8",              ["caf\u00E9"]],
  ["an open quote",          ['"abc']],
  ["only a quote",           ['"']],
  ["text after the quotes",  ['"abc"d']],
  ["an escape of a letter",  ['"a\\bc"']],
  ["two headers",            ["a", "b"]],
])("a key is refused: %s", (_, headers) => {
  expect(() => idempotencyKey(headers)).toThrow(expect.objectContaining({ code: "invalid_request" }));
});
