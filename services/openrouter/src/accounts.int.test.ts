import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  connectOpenRouterAccount,
  createOpenRouterAccount,
  getOpenRouterAccount,
  linkOpenRouterAccount,
  routeChat,
  syncOpenRouterAccount,
} from "@tollbooth/shared/contracts/openrouter";
import { sql } from "@tollbooth/shared/sql";
import { readAccount, saveSync, type Account } from "./accounts.store.ts";
import { begin } from "./linking.ts";
import { forgetLinks } from "./links.store.ts";
import { Secret } from "./secret.ts";
import { codeOf, newKey, openOpenRouter, plain, SERVICE } from "./testing/service.ts";

const service = await openOpenRouter();
const { db } = service;

let users = 0;
async function connected(key = newKey()): Promise<string> {
  const userId = `user-${++users}`;
  await service.ask(createOpenRouterAccount, { api_key: key }, plain(userId));
  return userId;
}
const rowOf = async (userId: string) => (await readAccount(db, userId)) as Account;

test("a key is nowhere in the database as it is", async () => {
  const key = newKey();
  await connected(key);
  const { rows } = await db.one(
    z.object({ rows: z.string() }),
    sql`select string_agg(to_jsonb(a)::text, '') as rows from openrouter_accounts a`,
  );
  expect(rows).not.toContain(key.slice(9));
});

test("a key in another user's row is refused, and nothing is asked with it", async () => {
  const [ann, bob] = [await connected(), await connected()];
  await db.run(sql`update openrouter_accounts a set sealed_key = b.sealed_key, vault_key_id = b.vault_key_id
                   from openrouter_accounts b where (a.user_id, b.user_id) in ((${ann}, ${bob}), (${bob}, ${ann}))`);
  const chat = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "Hello" }] };
  for (const user of [ann, bob]) {
    expect(await codeOf(service.ask(syncOpenRouterAccount, {}, plain(user)))).toBe("internal");
    const asked = service.ask(routeChat, { user_id: user, request_id: "swapped", chat }, SERVICE);
    expect(await codeOf(asked)).toBe("internal");
  }
});

test("a text that is not encrypted does not get into the table", async () => {
  const userId = await connected();
  for (const text of [newKey(), newKey("x".repeat(100)), "gAAAA"])
    await expect(
      db.run(sql`update openrouter_accounts set sealed_key = ${text} where user_id = ${userId}`),
    ).rejects.toThrow(/check constraint/);
});

describe("what OpenRouter tells of a key", () => {
  test("is kept of that key, and never of the one that came after it", async () => {
    const userId = await connected();
    const before = await rowOf(userId);
    const account = await service.ask(createOpenRouterAccount, { api_key: newKey("unlimited") }, plain(userId));
    expect(await saveSync(db, before, { isActive: false, remaining: null })).toBeUndefined();
    expect(await service.ask(getOpenRouterAccount, {}, plain(userId))).toEqual(account);
  });

  test("is asked for again where it was not told: nothing known is lost", async () => {
    const userId = await connected();
    await db.run(
      sql`update openrouter_accounts set sealed_key = ${service.vault.seal(userId, new Secret(newKey("failing"))).token} where user_id = ${userId}`,
    );
    const before = await service.ask(getOpenRouterAccount, {}, plain(userId));
    expect(await codeOf(service.ask(syncOpenRouterAccount, {}, plain(userId)))).toBe("unavailable");
    expect(await service.ask(getOpenRouterAccount, {}, plain(userId))).toMatchObject({
      is_active: true,
      free_credits_remaining: before?.free_credits_remaining,
    });
  });
});

test("20 keys of one user at once leave one, whole", async () => {
  const userId = `user-${++users}`;
  const keys = Array.from({ length: 20 }, () => newKey());
  const accounts = await Promise.all(
    keys.map((api_key) => service.ask(createOpenRouterAccount, { api_key }, plain(userId))),
  );
  expect(accounts.map(({ key_hint }) => key_hint)).toEqual(keys.map((key) => key.slice(-4)));
  const row = await rowOf(userId);
  expect(keys).toContain(service.vault.open(userId, row.sealed).reveal());
});

describe("a way to OpenRouter's page and back", () => {
  const Row = z.object({ state: z.string(), sealed_verifier: z.string(), row: z.string() });
  const linkOf = (userId: string) =>
    db.one(Row, sql`select state, sealed_verifier, l::text as row from openrouter_links l where user_id = ${userId}`);

  test("has its verifier encrypted, with its owner: in another user's row it is refused", async () => {
    const [ann, bob] = [`user-${++users}`, `user-${++users}`];
    for (const user of [ann, bob]) await service.ask(connectOpenRouterAccount, {}, plain(user));
    const { state, sealed_verifier: token, row } = await linkOf(ann);
    const verifier = service.vault.open(ann, { vaultKeyId: "k1", token }).reveal();
    expect(row).not.toContain(verifier);
    await db.run(sql`update openrouter_links set sealed_verifier = ${token}, state = ${state} where user_id = ${bob}`);
    expect(await codeOf(service.ask(linkOpenRouterAccount, { code: "code", state }, plain(bob)))).toBe("internal");
  });

  test("that nobody came back from is forgotten after its time, and no other", async () => {
    const [late, early] = [`user-${++users}`, `user-${++users}`];
    for (const user of [late, early]) await service.ask(connectOpenRouterAccount, {}, plain(user));
    await db.run(sql`update openrouter_links set expires_at = now() where user_id = ${late}`);
    await forgetLinks(db);
    const left = await db.many(
      z.object({ user_id: z.string() }),
      sql`select user_id from openrouter_links where user_id = any(${[late, early]})`,
    );
    expect(left).toEqual([{ user_id: early }]);
  });

  test("needs a page to come back to", async () => {
    const begun = begin({ ...service.metering, callbackUrl: undefined }, "ann");
    await expect(begun).rejects.toMatchObject({ code: "not_found" });
  });
});
