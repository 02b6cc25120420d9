import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { decrypt, encrypt, fromBase64Url, IV_BYTES, KEY_BYTES, toBase64Url } from "./fernet.ts";

const FOLDER = new URL("../../../../shared/data/fernet/", import.meta.url);
const Vector = z.object({
  desc: z.string().default("valid"),
  token: z.string(),
  now: z.string(),
  iv: z.array(z.number()).default([]),
  src: z.string().default(""),
  secret: z.string(),
});
const there = existsSync(FOLDER);
if (!there) console.log("Fernet's vectors: skipped, there is no shared/data/fernet beside this checkout");
const vectors = (name: string) =>
  there ? z.array(Vector).parse(JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), "utf8"))) : [];
const keyOf = (secret: string) => fromBase64Url(secret) ?? Buffer.alloc(0);

describe.skipIf(!there)("the vectors of Fernet's specification", () => {
  test("what it writes, we write", () => {
    for (const { token, now, iv, src, secret } of vectors("generate"))
      expect(encrypt(keyOf(secret), src, Uint8Array.from(iv), Date.parse(now) / 1000)).toBe(token);
  });

  test("what it reads, we read", () => {
    for (const { token, src, secret } of vectors("verify")) expect(decrypt(keyOf(secret), token)).toBe(src);
  });

  test("what it refuses, we refuse, save what is only too old or too new: keys at rest have no time to live", () => {
    const read = vectors("invalid").filter(({ token, secret }) => decrypt(keyOf(secret), token) !== undefined);
    expect(read.map(({ desc }) => desc)).toEqual(["far-future TS (unacceptable clock skew)", "expired TTL"]);
  });
});

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const key = bytes(KEY_BYTES);
const iv = bytes(IV_BYTES);

test("what was encrypted is read again, whatever it is", () => {
  fc.assert(
    fc.property(key, iv, fc.string({ unit: "grapheme" }), fc.nat(), (k, v, text, at) => {
      expect(decrypt(k, encrypt(k, text, v, at))).toBe(text);
    }),
  );
});

test("another key reads nothing", () => {
  fc.assert(
    fc.property(key, key, iv, fc.string(), (k, other, v, text) => {
      fc.pre(!Buffer.from(k).equals(other));
      expect(decrypt(other, encrypt(k, text, v, 0))).toBeUndefined();
    }),
  );
});

test("a change of any bit is noticed", () => {
  fc.assert(
    fc.property(key, iv, fc.string(), fc.nat(), (k, v, text, where) => {
      const token = fromBase64Url(encrypt(k, text, v, 0)) ?? Buffer.alloc(1);
      const bit = where % (token.length * 8);
      token[bit >> 3] = (token[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(decrypt(k, toBase64Url(token))).toBeUndefined();
    }),
  );
});

test.each(["", "gAAAAA", "no token", "=".repeat(100), "A".repeat(101)])("%j is no token", (token) => {
  expect(decrypt(new Uint8Array(KEY_BYTES), token)).toBeUndefined();
});
