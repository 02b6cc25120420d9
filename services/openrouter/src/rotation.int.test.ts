import { beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { saveConnection } from "./accounts.store.ts";
import { rotateKeys } from "./rotation.ts";
import { Secret } from "./secret.ts";
import { NEW_KEY, newKey, OLD_KEY } from "./testing/service.ts";
import { Vault } from "./vault.ts";
import { parseVaultKeys } from "./vault-keys.ts";

const { db } = await testDatabase("openrouter");
const [old, next] = [new Vault(parseVaultKeys(OLD_KEY)), new Vault(parseVaultKeys(NEW_KEY))];
const CONFIG = {
  OPENROUTER_VAULT_KEYS: `${NEW_KEY},${OLD_KEY}`,
  OPENROUTER_VAULT_KEYS_FILE: undefined,
  NODE_ENV: undefined,
};
const KEYS = 250;

/** The keys of everybody, by user. */
const keys = new Map<string, string>();
beforeEach(async () => {
  await db.run(sql`delete from openrouter_accounts`);
  keys.clear();
  for (let i = 0; i < KEYS; i++) {
    const [userId, key] = [`user-${i}`, newKey()];
    keys.set(userId, key);
    const sealed = old.seal(userId, new Secret(key));
    const connection = {
      userId,
      connectionId: crypto.randomUUID(),
      email: null,
      accountId: null,
      sealed,
      remaining: null,
    };
    await saveConnection(db, { ...connection, keyHint: key.slice(-4) });
  }
});

async function stored(vaultKeyId: string): Promise<{ user_id: string; sealed_key: string }[]> {
  return db.many(
    z.object({ user_id: z.string(), sealed_key: z.string() }),
    sql`select user_id, sealed_key from openrouter_accounts where vault_key_id = ${vaultKeyId}`,
  );
}

test("every key is encrypted by the newest of the vault's, and none is another than before", async () => {
  expect(await rotateKeys(db, CONFIG)).toEqual({ vaultKeyId: "k2", rotated: KEYS, unreadable: [] });
  const rows = await stored("k2");
  const found = rows.map(({ user_id, sealed_key }) => [
    user_id,
    next.open(user_id, { vaultKeyId: "k2", token: sealed_key }).reveal(),
  ]);
  expect(new Map(found as [string, string][])).toEqual(keys);
  expect(await rotateKeys(db, CONFIG)).toEqual({ vaultKeyId: "k2", rotated: 0, unreadable: [] });
});

test("a key that cannot be read is told and left, and hinders no other", async () => {
  await db.run(sql`update openrouter_accounts set vault_key_id = 'k0' where user_id = 'user-7'`);
  await db.run(
    sql`update openrouter_accounts set sealed_key = (select sealed_key from openrouter_accounts where user_id = 'user-9') where user_id = 'user-8'`,
  );
  const { rotated, unreadable } = await rotateKeys(db, CONFIG);
  expect(rotated).toBe(KEYS - 2);
  expect(unreadable.toSorted()).toEqual([
    "the vault has no key k0, which encrypted the key of user-7",
    "what is stored as the key of user-8 is another user's",
  ]);
});

test("a key that its user replaces meanwhile is the one he gave", async () => {
  const mine = newKey();
  const { user_id: userId } = (await stored("k1"))[0] as { user_id: string };
  const connection = { userId, connectionId: crypto.randomUUID(), email: null, accountId: null, remaining: null };
  await Promise.all([
    rotateKeys(db, CONFIG),
    saveConnection(db, { ...connection, sealed: next.seal(userId, new Secret(mine)), keyHint: mine.slice(-4) }),
  ]);
  const row = (await stored("k2")).find((each) => each.user_id === userId);
  expect(next.open(userId, { vaultKeyId: "k2", token: row?.sealed_key ?? "" }).reveal()).toBe(mine);
  expect(await stored("k1")).toEqual([]);
});
