import fc from "fast-check";
import { expect, test } from "vitest";
import { CODE_BYTES, generatedCode } from "./code.ts";

const anyBytes = fc.uint8Array({ minLength: CODE_BYTES, maxLength: CODE_BYTES });

test("a generated code is a prefix and 12 characters that nobody misreads", () => {
  fc.assert(fc.property(anyBytes, (bytes) => /^UC-[0-9A-HJKMNP-TV-Z]{12}$/.test(generatedCode(bytes))));
  expect(generatedCode(new Uint8Array(CODE_BYTES), "spring")).toBe("SPRING-000000000000");
});

test("every character is as likely as any other", () => {
  const counts = new Map<string, number>();
  for (let byte = 0; byte < 256; byte++) {
    const character = generatedCode(new Uint8Array(CODE_BYTES).fill(byte)).at(-1) as string;
    counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  expect([counts.size, new Set(counts.values())]).toEqual([32, new Set([8])]);
});
