import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import {
  connectOpenRouterAccount,
  createOpenRouterAccount,
  getOpenRouterAccount,
  linkOpenRouterAccount,
  syncOpenRouterAccount,
} from "@tollbooth/shared/contracts/openrouter";
import { openDb, type Db } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { agree, newKey, type SentBack } from "./harness/openrouter.ts";
import { admin, newUser, Person, service, somebody } from "./harness/person.ts";
import { CALLBACK_URL } from "./harness/platform.ts";

let db: Db;
beforeAll(() => {
  db = openDb({ url: inject("platform").databaseUrls.openrouter, name: "e2e", poolMax: 1 });
});
afterAll(() => db.close());

/** A user goes to OpenRouter's page, agrees there, and is sent back. */
async function sentBack(user: Person, word?: string): Promise<SentBack> {
  return agree((await user.ok(connectOpenRouterAccount)).url, word);
}
const NOT_HIS = { status: 404, code: "not_found", fix: expect.stringContaining("GET /openrouter/connect") as string };

describe("a user who comes back from OpenRouter's page", () => {
  test("is connected with the key that was made there, and is told neither it nor the code", async () => {
    const user = await newUser();
    const { address, ...back } = await sentBack(user);
    expect(`${address.origin}${address.pathname}`).toBe(CALLBACK_URL);
    const answer = await user.ask(linkOpenRouterAccount, back);
    expect(answer.json).toMatchObject({
      user_id: user.sub,
      is_active: true,
      key_hint: back.code.slice(-4),
      email: null,
    });
    expect(answer.text).not.toContain(back.code);
    expect(await user.ok(getOpenRouterAccount)).toEqual(answer.json);
    expect(await user.ok(syncOpenRouterAccount)).toMatchObject({ is_active: true });
  });

  test("with the same Idempotency-Key is answered the same again, and the code is not sent again", async () => {
    const user = await newUser();
    const { code, state } = await sentBack(user);
    const once = { "idempotency-key": somebody("key") };
    const first = await user.ask(linkOpenRouterAccount, { code, state }, once);
    const again = await user.ask(linkOpenRouterAccount, { code, state }, once);
    expect([first.status, again.text]).toEqual([200, first.text]);
  });

  test("and sends 10 requests at once is connected once", async () => {
    const user = await newUser();
    const { code, state } = await sentBack(user);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => user.ask(linkOpenRouterAccount, { code, state })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 404)).toHaveLength(9);
  });

  test("is connected by the admin who began it for him, in his name and not in the admin's", async () => {
    const [root, sub] = [await admin(), somebody()];
    const { code, state } = await agree((await root.ok(connectOpenRouterAccount, { user_id: sub })).url);
    expect(await root.refused(linkOpenRouterAccount, { code, state })).toMatchObject(NOT_HIS);
    expect(await root.ok(linkOpenRouterAccount, { user_id: sub, code, state })).toMatchObject({ user_id: sub });
  });
});

describe("a state is refused", () => {
  test("that is somebody else's: a key gets into no account of whoever sent its owner to OpenRouter's page", async () => {
    const [thief, victim] = [await newUser(), await newUser()];
    const { code, state } = await sentBack(thief);
    expect(await victim.refused(linkOpenRouterAccount, { code, state })).toMatchObject(NOT_HIS);
    expect(await victim.refused(linkOpenRouterAccount, { user_id: thief.sub, code, state })).toMatchObject({
      status: 403,
    });
    for (const user of [thief, victim]) expect(await user.ok(getOpenRouterAccount)).toBeNull();
  });

  test("that was used", async () => {
    const user = await newUser();
    const { code, state } = await sentBack(user);
    await user.ok(linkOpenRouterAccount, { code, state });
    expect(await user.refused(linkOpenRouterAccount, { code, state })).toMatchObject(NOT_HIS);
  });

  test("that nobody was given, and the way that its user is on stays open", async () => {
    const user = await newUser();
    const { code, state } = await sentBack(user);
    expect(await user.refused(linkOpenRouterAccount, { code, state: "x".repeat(43) })).toMatchObject(NOT_HIS);
    expect(await user.ok(linkOpenRouterAccount, { code, state })).toMatchObject({ is_active: true });
  });

  test("that is older than 10 minutes", async () => {
    const user = await newUser();
    const { code, state } = await sentBack(user);
    await db.run(
      sql`update openrouter_links set expires_at = expires_at - interval '10 minutes' where user_id = ${user.sub}`,
    );
    expect(await user.refused(linkOpenRouterAccount, { code, state })).toMatchObject(NOT_HIS);
    expect(await user.ok(getOpenRouterAccount)).toBeNull();
  });

  test("that gave way to a later one, as of who cancelled and began again", async () => {
    const user = await newUser();
    const [cancelled, later] = [await sentBack(user), await sentBack(user)];
    const of = ({ code, state }: SentBack) => ({ code, state });
    expect(await user.refused(linkOpenRouterAccount, of(cancelled))).toMatchObject(NOT_HIS);
    expect(await user.ok(linkOpenRouterAccount, of(later))).toMatchObject({ is_active: true });
  });
});

describe("nobody is connected", () => {
  // prettier-ignore
  test.each([
    { why: "where OpenRouter fails",              word: "failing", status: 503, code: "unavailable" },
    { why: "with a key that it takes no more",    word: "revoked", status: 422, code: "invalid_request" },
    { why: "with a key that it lets ask no more", word: "limited", status: 429, code: "rate_limited" },
  ])("$why, and the code is not sent again", async ({ word, status, code: refused }) => {
    const user = await newUser();
    const { code, state } = await sentBack(user, word);
    const problem = await user.refused(linkOpenRouterAccount, { code, state });
    expect(problem).toMatchObject({ status, code: refused, ...(status < 500 && { fix: "begin again with GET /openrouter/connect" }) });
    expect(JSON.stringify(problem)).not.toContain(code);
    expect(await user.refused(linkOpenRouterAccount, { code, state })).toMatchObject(NOT_HIS);
    expect(await user.ok(getOpenRouterAccount)).toBeNull();
  });

  test("by a code that another's way brought: OpenRouter wants the verifier of its own", async () => {
    const [user, other] = [await newUser(), await newUser()];
    const [{ state }, { code }] = [await sentBack(user), await sentBack(other)];
    const problem = await user.refused(linkOpenRouterAccount, { code, state });
    expect(problem).toMatchObject({ status: 422, code: "invalid_request", errors: [{ path: "code" }] });
  });

  test("who comes back without a code, having cancelled", async () => {
    const user = await newUser();
    const { state } = await sentBack(user);
    expect(await user.refused(linkOpenRouterAccount, { state })).toMatchObject({ errors: [{ path: "code" }] });
    expect(await user.ok(getOpenRouterAccount)).toBeNull();
  });
});

describe.each([
  { route: "GET /openrouter/connect", command: connectOpenRouterAccount, input: {} },
  { route: "POST /openrouter/callback", command: linkOpenRouterAccount, input: { code: "c", state: "s".repeat(43) } },
])("$route", ({ command, input }) => {
  test("is for the user himself and for admins", async () => {
    const other = { ...input, user_id: somebody() };
    expect((await Person.with(undefined).refused(command, input)).status).toBe(401);
    for (const who of [await newUser(), await service()]) expect((await who.refused(command, other)).status).toBe(403);
    expect((await (await service()).refused(command, input)).status).toBe(403);
  });

  test("refuses what it does not know", async () => {
    const problem = await (await newUser()).refused(command, { ...input, colour: "red" });
    expect(problem).toMatchObject({ status: 422, errors: [{ message: 'unknown field "colour"' }] });
  });
});

test("nobody says where OpenRouter sends a user back to", async () => {
  const problem = await (await newUser()).refused(connectOpenRouterAccount, { callback_url: "https://evil.example" });
  expect(problem).toMatchObject({ status: 422, errors: [{ message: 'unknown field "callback_url"' }] });
});

test("a key that was pasted stays until another one is there", async () => {
  const user = await newUser();
  const before = await user.ok(createOpenRouterAccount, { api_key: newKey() });
  const { code, state } = await sentBack(user, "failing");
  await user.refused(linkOpenRouterAccount, { code, state });
  expect(await user.ok(getOpenRouterAccount)).toEqual(before);
});
