import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { decrypt, encrypt, toBase64Url } from "./fernet.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, i) => i);
const TEXT = '{"user_id": "ünï\\u0000", "api_key": "sk-or-v1-0123456789"}';

/** What a program in Python prints that has \`cryptography\`; undefined where there is none. */
function python(program: string, ...args: string[]): string | undefined {
  const { status, stdout } = spawnSync("python3", [
    "-c",
    `from cryptography.fernet import Fernet; import sys; ${program}`,
    ...args,
  ]);
  return status === 0 ? stdout.toString("utf8") : undefined;
}

const there = python("") !== undefined;
if (!there) console.log("Fernet of Python: skipped, there is no python3 with the package cryptography");

test.skipIf(!there)("Python reads what we encrypt, and we what Python encrypts", () => {
  const token = encrypt(
    KEY,
    TEXT,
    Uint8Array.from({ length: 16 }, (_, i) => i),
    Math.floor(Date.now() / 1000),
  );
  const read = python(
    "sys.stdout.buffer.write(Fernet(sys.argv[1]).decrypt(sys.argv[2].encode()))",
    toBase64Url(KEY),
    token,
  );
  expect(read).toBe(TEXT);
  const written = python(
    "sys.stdout.write(Fernet(sys.argv[1]).encrypt(sys.argv[2].encode()).decode())",
    toBase64Url(KEY),
    TEXT,
  );
  expect(decrypt(KEY, written ?? "")).toBe(TEXT);
});
