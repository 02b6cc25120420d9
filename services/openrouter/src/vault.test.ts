import { format, inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { toBase64Url } from "./fernet.ts";
import { readVaultKeys } from "./config.ts";
import { Secret } from "./secret.ts";
import { Vault } from "./vault.ts";
import { parseVaultKeys } from "./vault-keys.ts";

const written = (id: string, fill: number) => `${id}:${toBase64Url(new Uint8Array(32).fill(fill))}`;
const [OLD, NEW] = [written("k1", 1), written("k2", 2)];
const vault = (...keys: string[]) => new Vault(parseVaultKeys(keys.join(",")));
const KEY = "sk-or-v1-0123456789abcdef";

describe("a vault", () => {
  test("gives a user's key back to that user only", () => {
    const sealed = vault(NEW).seal("ann", new Secret(KEY));
    expect(vault(NEW).open("ann", sealed).reveal()).toBe(KEY);
    expect(() => vault(NEW).open("bob", sealed)).toThrow("what is stored as the key of bob is another user's");
  });

  test("encrypts with its first key and decrypts with all", () => {
    const old = vault(OLD).seal("ann", new Secret(KEY));
    const both = vault(NEW, OLD);
    expect([both.keyId, both.seal("ann", new Secret(KEY)).vaultKeyId]).toEqual(["k2", "k2"]);
    expect(both.open("ann", old).reveal()).toBe(KEY);
    expect(() => vault(NEW).open("ann", old)).toThrow("the vault has no key k1, which encrypted the key of ann");
  });

  test("says that a key was changed, or encrypted by another key of the same name", () => {
    const sealed = vault(written("k1", 9)).seal("ann", new Secret(KEY));
    expect(() => vault(OLD).open("ann", sealed)).toThrow("what is stored as the key of ann was not encrypted by k1");
  });

  test("never encrypts the same twice the same way, and shows nothing of it", () => {
    const [one, two] = [vault(NEW).seal("ann", new Secret(KEY)), vault(NEW).seal("ann", new Secret(KEY))];
    expect(one.token).not.toBe(two.token);
    expect(Buffer.from(one.token, "base64url").toString("latin1")).not.toContain("sk-or");
  });
});

test("a secret shows itself nowhere", () => {
  const secret = new Secret(KEY);
  const shown = [
    JSON.stringify({ secret }),
    String(secret),
    inspect({ secret }, { showHidden: true }),
    format("%s %o %O %j", secret, secret, secret, secret),
    Object.values(secret).join(""),
  ];
  expect(shown.filter((text) => text.includes("0123456789abcdef"))).toEqual([]);
});

describe("the vault's keys", () => {
  test("may stand on lines of their own", () => {
    expect(parseVaultKeys(`${NEW}\n${OLD}\n`).map(({ id }) => id)).toEqual(["k2", "k1"]);
  });

  // prettier-ignore
  test.each([
    { name: "nothing",            text: " ",                                    says: "no key is given" },
    { name: "a key without an id", text: NEW.slice(3),                          says: "key 1 is not one" },
    { name: "a short key",        text: `${NEW},k3:${toBase64Url(Buffer.from("short"))}`, says: "key 2 is not one" },
    { name: "no base64url",       text: `k1:${"%".repeat(44)}`,                 says: "key 1 is not one" },
    { name: "an id twice",        text: `${NEW},${NEW}`,                        says: "two keys have one id" },
  ])("are not $name, and what was written is not told", ({ text, says }) => {
    expect(() => parseVaultKeys(text)).toThrow(says);
    try {
      parseVaultKeys(text);
    } catch (error) {
      expect(String(error)).not.toContain(NEW.slice(3));
    }
  });

  const config = { OPENROUTER_VAULT_KEYS: undefined, OPENROUTER_VAULT_KEYS_FILE: undefined, NODE_ENV: undefined };

  test("are demanded, in one way", () => {
    const both = { ...config, OPENROUTER_VAULT_KEYS: NEW, OPENROUTER_VAULT_KEYS_FILE: "keys" };
    for (const wrong of [config, both]) expect(() => readVaultKeys(wrong)).toThrow(/exactly one of/);
    expect(() => readVaultKeys({ ...config, OPENROUTER_VAULT_KEYS_FILE: "/nowhere/keys" })).toThrow(
      /OPENROUTER_VAULT_KEYS_FILE: ENOENT/,
    );
  });

  test("of development are refused in production, also as old ones", () => {
    const keys = { ...config, OPENROUTER_VAULT_KEYS: `${NEW},${written("dev-1", 3)}` };
    expect(readVaultKeys(keys)).toHaveLength(2);
    expect(() => readVaultKeys({ ...keys, NODE_ENV: "production" })).toThrow(
      /OPENROUTER_VAULT_KEYS has a key of development \(dev-1\) and NODE_ENV is production/,
    );
  });
});
