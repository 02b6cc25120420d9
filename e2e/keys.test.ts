import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import {
  connectOpenRouterAccount,
  createOpenRouterAccount,
  deleteOpenRouterAccount,
  getOpenRouterAccount,
  linkOpenRouterAccount,
  routeChat,
  syncOpenRouterAccount,
} from "@tollbooth/shared/contracts/openrouter";
import { usageSummary } from "@tollbooth/shared/contracts/usage";
import { openDb, type Db } from "@tollbooth/shared/db";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { saveConnection } from "../services/openrouter/src/accounts.store.ts";
import { Secret } from "../services/openrouter/src/secret.ts";
import { parseVaultKeys } from "../services/openrouter/src/vault-keys.ts";
import { Vault } from "../services/openrouter/src/vault.ts";
import { ROOT } from "../tools/src/checkout.ts";
import { OWNERS } from "../tools/src/databases.ts";
import { readKept } from "../tools/src/kept.ts";
import { SERVICE, testBus } from "./harness/bus.ts";
import { startCollector } from "./harness/collector.ts";
import { agree, newKey } from "./harness/openrouter.ts";
import { Person, somebody } from "./harness/person.ts";
import { openPlatform, superuserDb, superuserUrl, unset } from "./harness/platform.ts";
import { tool } from "./harness/tool.ts";

const collector = await startCollector();
const own = await openPlatform("keys", {
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_BSP_SCHEDULE_DELAY: "100",
  LOG_LEVEL: "debug",
});
const { platform, reach } = own;
const { folder } = reach;
const { bus } = await testBus(reach);
const WITHIN_MS = 10_000;
let db: Db;

beforeAll(async () => {
  db = openDb({ url: await superuserUrl(folder, "openrouter"), name: "e2e", poolMax: 2 });
});
afterAll(async () => {
  await db.close();
  await own.close();
  await collector.close();
});

const CHAT = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "Hello" }], max_tokens: 5 };

/** The files below a folder that hold a text, whatever kind of files they are. */
async function filesWith(text: string, below: string): Promise<string[]> {
  const files = await readdir(below, { recursive: true, withFileTypes: true });
  const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
  // A file that was there a moment ago may be gone: a log of the database's writes, say.
  const holds = async (path: string) => (await readFile(path).catch(() => Buffer.alloc(0))).includes(text);
  const found = [];
  for (const path of paths) if (await holds(path)) found.push(path);
  return found;
}

/** Every row of every table of every database, as text. */
async function dump(): Promise<string> {
  const rows: string[] = [];
  for (const owner of OWNERS) {
    const each = await superuserDb(folder, owner);
    const tables = await each.many(
      z.object({ name: z.string() }),
      sql`select table_name as name from information_schema.tables where table_schema = 'public'`,
    );
    for (const { name } of tables) {
      const found = await each.many(z.object({ row: z.string() }), {
        text: `select t::text as row from "${name}" t`,
        values: [],
      });
      rows.push(...found.map(({ row }) => row));
    }
    await each.run(sql`checkpoint`);
    await each.close();
  }
  return rows.join("\n");
}

test("a key is in no log, stream, trace, answer or row, and on no page of the disk", async () => {
  const user = await Person.of(somebody("canary"), ["user"], reach);
  const [key, refused] = [newKey("canary"), newKey("revoked", "canary")];
  const answers = [
    await user.ask(createOpenRouterAccount, { api_key: key, email: "ada@example.com" }, { "idempotency-key": "one" }),
    await user.ask(createOpenRouterAccount, { api_key: key, email: "ada@example.com" }, { "idempotency-key": "one" }),
    await user.ask(createOpenRouterAccount, { api_key: refused }),
    await user.ask(createOpenRouterAccount, { api_key: `${key} ` }),
    await user.ask(createOpenRouterAccount, { api_key: key, email: key }),
    await user.ask(getOpenRouterAccount),
    await user.ask(syncOpenRouterAccount, {}),
  ];
  const codes = [];
  for (const word of ["revoked", "canary"]) {
    const { code, state } = await agree((await user.ok(connectOpenRouterAccount)).url, word);
    codes.push(code);
    answers.push(await user.ask(linkOpenRouterAccount, { code, state }, { "idempotency-key": word }));
  }
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 422, 422, 422, 200, 200, 422, 200]);
  await bus.ask(routeChat, { user_id: user.sub, request_id: "canary", chat: CHAT }, SERVICE);
  expect(await until(async () => (await user.ok(usageSummary)).total_events === 1, WITHIN_MS)).toBe(true);

  const said = [await dump(), collector.received.join("\n"), ...answers.map(({ text }) => text)].join("\n");
  // What is looked for elsewhere would be found: the user's name is.
  expect([said.includes(user.sub), (await filesWith(user.sub, folder)).length > 0]).toEqual([true, true]);
  // The fake's keys have their codes in them: neither is anywhere.
  for (const secret of [key, refused].map((each) => each.slice("sk-or-v1-".length)).concat(codes)) {
    expect(said.includes(secret)).toBe(false);
    expect(await filesWith(secret, folder)).toEqual([]);
  }
  await user.ok(deleteOpenRouterAccount);
});

describe("npm run rotate-keys", () => {
  const KEYS = 250;
  const NEW = `k2:${Buffer.alloc(32, 2).toString("base64url")}=`;
  const keys = new Map<string, string>();
  let vaultKeys = "";

  const under = async (vaultKeyId: string) =>
    (
      await db.one(
        z.object({ n: z.coerce.number() }),
        sql`select count(*) as n from openrouter_accounts where vault_key_id = ${vaultKeyId}`,
      )
    ).n;

  beforeAll(async () => {
    await db.run(sql`delete from openrouter_accounts`);
    const kept = await readKept(folder);
    const vault = new Vault(parseVaultKeys(kept?.vaultKeys ?? ""));
    for (let i = 0; i < KEYS; i++) {
      const [userId, key] = [`rotated-${String(i).padStart(3, "0")}`, newKey()];
      keys.set(userId, key);
      const sealed = vault.seal(userId, new Secret(key));
      const connection = { userId, connectionId: crypto.randomUUID(), email: null, accountId: null, sealed };
      await saveConnection(db, { ...connection, keyHint: key.slice(-4), remaining: null });
    }
    // As an operator does: the new key in front of the old ones, for the service and for the tool.
    vaultKeys = `${NEW},${kept?.vaultKeys}`;
    await writeFile(join(folder, "kept.json"), JSON.stringify({ ...kept, vaultKeys }));
    await platform.restart("openrouter", { OPENROUTER_VAULT_KEYS: vaultKeys });
    const user = await Person.of(somebody(), ["user"], reach);
    expect(await until(async () => (await user.ask(getOpenRouterAccount)).status === 200, WITHIN_MS)).toBe(true);
  });

  test("that is killed half way goes on where it was", async () => {
    let half: number | undefined;
    // A row that somebody else holds stops it in its second batch of 100.
    await db.tx(async (tx) => {
      await tx.run(sql`select from openrouter_accounts where user_id = 'rotated-150' for update`);
      const env = { ...unset(), TOLLBOOTH_HOME: folder };
      const child = spawn(process.execPath, [join(ROOT, "tools/dist/rotate-keys.js")], { env, stdio: "ignore" });
      expect(await until(async () => (await under("k2")) > 0, WITHIN_MS)).toBe(true);
      child.kill("SIGKILL");
      await once(child, "exit");
      half = await under("k2");
    });
    expect(half).toBe(100);
    const { code, out } = await tool(folder, "rotate-keys", "--json");
    expect([code, JSON.parse(out)]).toEqual([0, { vaultKeyId: "k2", rotated: KEYS - 100, unreadable: [] }]);
    expect([await under("k2"), await under("dev-1")]).toEqual([KEYS, 0]);
  });

  test("leaves every key as it was, and the service reads it", async () => {
    const vault = new Vault(parseVaultKeys(NEW));
    const rows = await db.many(
      z.object({ user_id: z.string(), sealed_key: z.string() }),
      sql`select user_id, sealed_key from openrouter_accounts`,
    );
    const found = rows.map(({ user_id: id, sealed_key: token }) => [
      id,
      vault.open(id, { vaultKeyId: "k2", token }).reveal(),
    ]);
    expect(new Map(found as [string, string][])).toEqual(keys);
    const user = await Person.of("rotated-007", ["user"], reach);
    expect(await user.ok(syncOpenRouterAccount)).toMatchObject({ is_active: true, free_credits: "100.000000000000" });
  });

  test("says so where there is nothing to do, and names what it cannot read", async () => {
    const { out } = await tool(folder, "rotate-keys");
    expect(out).toBe("0 keys were encrypted anew by k2; none is left under another.\n");
    await db.run(sql`update openrouter_accounts set vault_key_id = 'k0' where user_id = 'rotated-009'`);
    const { code, out: told } = await tool(folder, "rotate-keys");
    expect([code, told]).toEqual([
      1,
      "0 keys were encrypted anew by k2; 1 could not be read.\n  the vault has no key k0, which encrypted the key of rotated-009\n",
    ]);
    await db.run(sql`delete from openrouter_accounts where user_id = 'rotated-009'`);
  });

  test("says how a key is changed", async () => {
    const { code, out } = await tool(folder, "rotate-keys", "--help");
    expect([code, out]).toEqual([0, expect.stringContaining("How to change the vault's key")]);
  });
});
