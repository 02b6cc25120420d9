import { beforeAll, describe, expect, inject, test } from "vitest";
import type { Command } from "@tollbooth/shared/contract";
import {
  createOpenRouterAccount,
  deleteOpenRouterAccount,
  getOpenRouterAccount,
  syncOpenRouterAccount,
} from "@tollbooth/shared/contracts/openrouter";
import { openDb } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { newKey, revoke } from "../harness/openrouter.ts";
import { admin, newUser, Person, service, somebody } from "../harness/person.ts";

async function connected(...words: string[]): Promise<{ user: Person; key: string }> {
  const [user, key] = [await newUser(), newKey(...words)];
  await user.ok(createOpenRouterAccount, { api_key: key });
  return { user, key };
}

describe("POST /openrouter/create-account", () => {
  test("connects a user and tells everything but his key", async () => {
    const [user, key] = [await newUser(), newKey()];
    const account = await user.ok(createOpenRouterAccount, { api_key: key, email: "ada@example.com" });
    expect(account).toMatchObject({
      user_id: user.sub,
      email: "ada@example.com",
      account_id: expect.stringMatching(/^user_/) as string,
      free_credits_remaining: "100.000000000000",
      is_active: true,
      key_hint: key.slice(-4),
    });
    expect(await user.ok(getOpenRouterAccount)).toEqual(account);
  });

  test("replaces the key before", async () => {
    const { user } = await connected();
    const before = await user.ok(getOpenRouterAccount);
    const account = await user.ok(createOpenRouterAccount, { api_key: newKey("unlimited") });
    expect(account).toMatchObject({ free_credits_remaining: null, created_at: before?.created_at });
  });

  test.each(["", "sk-", "sk-ant-0123456789", "Bearer sk-or-v1-0123456789", "sk-or-v1-", "sk-or-v1-a b c d e f g h"])(
    "refuses %j before OpenRouter is asked",
    async (api_key) => {
      const problem = await (await newUser()).refused(createOpenRouterAccount, { api_key });
      expect(problem).toMatchObject({ code: "invalid_request", errors: [{ path: "api_key" }] });
      if (api_key.length > 9) expect(JSON.stringify(problem)).not.toContain(api_key);
    },
  );

  // prettier-ignore
  test.each([
    { word: "revoked", status: 422, code: "invalid_request", errors: [{ path: "api_key", message: "is not a key that OpenRouter takes" }] },
    { word: "limited", status: 429, code: "rate_limited" },
    { word: "failing", status: 503, code: "unavailable" },
    { word: "broken",  status: 503, code: "unavailable" },
    { word: "mute",    status: 503, code: "unavailable" },
  ])("connects nobody with a key that is $word", async ({ word, ...problem }) => {
    const user = await newUser();
    expect(await user.refused(createOpenRouterAccount, { api_key: newKey(word) })).toMatchObject(problem);
    expect(await user.ok(getOpenRouterAccount)).toBeNull();
  });

  test("passes on how long OpenRouter wants us to wait", async () => {
    const answer = await (await newUser()).ask(createOpenRouterAccount, { api_key: newKey("limited") });
    expect(answer.headers.get("retry-after")).toBe("7");
  });
});

describe("what a key may still spend", () => {
  // prettier-ignore
  test.each([
    { word: "plain",      left: "100.000000000000" },
    { word: "unlimited",  left: null },
    { word: "management", left: "74.250000000000" },
    { word: "precise",    left: "123456789.123456789012" },
  ])("of a $word one is $left", async ({ word, left }) => {
    const { user } = await connected(word);
    expect(await user.ok(getOpenRouterAccount)).toMatchObject({ free_credits_remaining: left });
    expect(await user.ok(syncOpenRouterAccount)).toMatchObject({ user_id: user.sub, free_credits: left, is_active: true });
  });
});

describe("POST /openrouter/sync-balance", () => {
  test("finds out that a key was revoked, and that another one is good", async () => {
    const { user, key } = await connected();
    await revoke(key);
    expect(await user.ok(syncOpenRouterAccount)).toMatchObject({ is_active: false, free_credits: null });
    expect(await user.ok(getOpenRouterAccount)).toMatchObject({ is_active: false, free_credits_remaining: null });
    expect(await user.ok(createOpenRouterAccount, { api_key: newKey() })).toMatchObject({ is_active: true });
  });

  test("of nothing is 404", async () => {
    expect(await (await newUser()).refused(syncOpenRouterAccount)).toMatchObject({ status: 404, code: "not_found" });
  });

  test("happens once for a key, and answers it again byte for byte", async () => {
    const [{ user }, other, root] = [await connected(), await connected(), await admin()];
    const once = { "idempotency-key": somebody("key") };
    const first = await root.ask(syncOpenRouterAccount, { user_id: user.sub }, once);
    const again = await root.ask(syncOpenRouterAccount, { user_id: user.sub }, once);
    expect([first.status, again.text, again.headers.get("idempotency-replayed")]).toEqual([200, first.text, "true"]);
    const conflict = await root.refused(syncOpenRouterAccount, { user_id: other.user.sub }, once);
    expect(conflict).toMatchObject({ status: 409, code: "idempotency_conflict" });
  });

  test("says when the answer of a key is no longer kept", async () => {
    const { user } = await connected();
    await user.ok(syncOpenRouterAccount, {}, { "idempotency-key": "old" });
    const db = openDb({ url: inject("platform").databaseUrls.openrouter, name: "e2e", poolMax: 1 });
    await db.run(
      sql`update commands set created_at = created_at - interval '8 days' where user_id = ${user.sub} and key = 'rest:old'`,
    );
    await db.close();
    const problem = await user.refused(syncOpenRouterAccount, {}, { "idempotency-key": "old" });
    expect(problem).toMatchObject({ status: 409, code: "idempotency_key_expired" });
  });
});

describe("DELETE /openrouter/account", () => {
  test("forgets the key, once", async () => {
    const { user } = await connected();
    expect(await user.ok(deleteOpenRouterAccount)).toEqual({ message: expect.stringContaining("forgotten") as string });
    expect(await user.ok(getOpenRouterAccount)).toBeNull();
    expect(await user.refused(deleteOpenRouterAccount)).toMatchObject({ status: 404, code: "not_found" });
    expect(await user.refused(syncOpenRouterAccount)).toMatchObject({ status: 404 });
  });
});

const ofAnAccount: readonly { name: string; command: Command }[] = [
  { name: "POST /openrouter/sync-balance", command: syncOpenRouterAccount },
  { name: "DELETE /openrouter/account", command: deleteOpenRouterAccount },
];

describe.each(ofAnAccount)("$name", ({ command }) => {
  let owner: Person;
  beforeAll(async () => {
    owner = (await connected()).user;
  });

  test("is for the user himself and for admins", async () => {
    const nobody = Person.with(undefined);
    expect((await nobody.refused(command)).status).toBe(401);
    for (const who of [await newUser(), await service()])
      expect((await who.refused(command, { user_id: owner.sub })).status).toBe(403);
    expect((await (await newUser()).refused(command, { user_id: somebody() })).status).toBe(403);
    const root = await admin();
    expect((await root.refused(command, { user_id: somebody() })).status).toBe(404);
    await root.ok(command, { user_id: owner.sub });
  });

  test("refuses what it does not know", async () => {
    const problem = await (await newUser()).refused(command, { colour: "red" });
    expect(problem).toMatchObject({ status: 422, errors: [{ message: 'unknown field "colour"' }] });
  });
});
