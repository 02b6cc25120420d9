import { describe, expect, test } from "vitest";
import {
  createOpenRouterAccount,
  getOpenRouterSettings,
  setOpenRouterSettings,
} from "@tollbooth/shared/contracts/openrouter";
import { Fault } from "@tollbooth/shared/fault";
import { openMetered, COST, MODEL } from "./testing/metered.ts";
import { codeOf, newKey, plain } from "./testing/service.ts";
import { openExchange } from "@tollbooth/shared/contracts/exchanges";

const metered = await openMetered();
const { ask, becomes, bus, chat, credits, newUser, open, stateOf, sweepNow, take, toldOf } = metered;
const FREE = "deepseek/deepseek-chat-v3-0324:free";

describe("a chat that credits pay", () => {
  test("is paid once, by the event that names its hold, and its answer says what it cost", async () => {
    const userId = newUser();
    const { text, headers, isStream } = await chat(userId);
    expect(JSON.parse(text)).toMatchObject({ model: MODEL, usage: { completion_tokens: 3 } });
    expect(isStream).toBe(false);
    expect(headers).toMatchObject({
      "X-Tollbooth-Key": "managed",
      "X-Tollbooth-Cost": COST,
      "X-Tollbooth-Balance": "0.999951600000",
      "X-Tollbooth-Request-Id": toldOf(userId)[0]?.event_id,
    });
    expect(await stateOf(userId)).toEqual(["recorded"]);
    expect(credits.of(userId)).toEqual({ available: "0.999951600000", holds: ["captured"] });
    expect(toldOf(userId)).toMatchObject([
      { hold_id: expect.stringMatching(/^openrouter:/) as string, metadata: { status: "completed", is_byok: false } },
    ]);
  });

  test("comes as a stream in its order, keep-alives too, with the bill before its end", async () => {
    const userId = newUser();
    const { text, isStream } = await chat(userId, { stream: true, user: "slow", max_tokens: 5 });
    const lines = text.split("\n\n").filter(Boolean);
    const words = lines.flatMap((line) =>
      line.startsWith("data: {") ? [(JSON.parse(line.slice(6)) as Chunk).choices[0]?.delta.content] : [],
    );
    expect([isStream, words.join("")]).toEqual([true, "word word word word word"]);
    expect(lines.filter((line) => line.startsWith(": OPENROUTER")).length).toBeGreaterThan(1);
    expect(lines.at(-1)).toBe("data: [DONE]");
    const bill = JSON.parse(lines.at(-2)?.replace(": tollbooth ", "") ?? "") as object;
    expect(bill).toMatchObject({ cost: "0.000066000000", balance: credits.of(userId).available });
    expect(toldOf(userId)[0]?.metadata).toMatchObject({ first_token_ms: expect.any(Number) as number });
  });

  test("from the cache costs nothing, and its hold is given back", async () => {
    const userId = newUser();
    expect((await chat(userId, { user: "cached" })).headers["X-Tollbooth-Cost"]).toBe("0.000000000000");
    expect(credits.of(userId)).toEqual({ available: "1.000000000000", holds: ["captured"] });
  });

  test("is the same one under the client's own key, and is not sent twice", async () => {
    const userId = newUser();
    await chat(userId, {}, { requestId: "mine" });
    expect(await codeOf(open(userId, {}, { requestId: "mine" }))).toBe("idempotency_conflict");
    expect(credits.of(userId).holds).toEqual(["captured"]);
  });

  test("that OpenRouter refuses costs nothing, and may be asked again", async () => {
    const userId = newUser();
    const refused = () => chat(userId, { user: "limited" }, { requestId: "again" });
    for (let i = 0; i < 2; i++) expect(await codeOf(refused())).toBe("rate_limited");
    expect(credits.of(userId)).toEqual({ available: "1.000000000000", holds: ["released", "released"] });
    expect(await stateOf(userId)).toEqual([]);
  });

  test("is no reason to tell a user of the platform's own account", async () => {
    const userId = newUser();
    expect(await codeOf(chat(userId, { user: "broke" }))).toBe("unavailable");
    expect(credits.of(userId).available).toBe("1.000000000000");
  });

  test("of a model without a price is refused before it is sent", async () => {
    const userId = newUser();
    expect(await codeOf(open(userId, { model: "openrouter/auto" }))).toBe("unpriced_model");
    expect(await codeOf(open(userId, { models: ["openrouter/auto"] }))).toBe("unpriced_model");
    expect(await codeOf(open(userId, { service_tier: "priority" }))).toBe("unpriced_model");
    expect([await stateOf(userId), credits.of(userId).holds]).toEqual([[], []]);
  });
});

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[];
}

describe("a user who has little", () => {
  test("is told what is required, what he has, and how long an answer he can pay", async () => {
    const userId = newUser("0.01");
    const refusal = await open(userId, { max_tokens: 100_000 }).catch((error: unknown) => error);
    const { code, more } = Fault.from(refusal);
    const { required, available, affordable_tokens: affordable } = more.facts ?? {};
    expect([code, required, available]).toEqual([
      "insufficient_credits",
      expect.stringMatching(/^0\.88/),
      "0.010000000000",
    ]);
    expect(await stateOf(userId)).toEqual([]);
    await chat(userId, { max_tokens: Number(affordable) });
    expect(await codeOf(open(userId, { max_tokens: Number(affordable) + 1 }))).toBe("insufficient_credits");
  });

  test("who leaves the length to us gets as long an answer as he can pay", async () => {
    const userId = newUser("0.01");
    const body = { model: MODEL, messages: [{ role: "user", content: "x".repeat(40) }] };
    const opened = await bus.ask(
      openExchange,
      { request_id: "mine", kind: "chat", body: JSON.stringify(body) },
      { caller: plain(userId) },
    );
    const part = await take(userId, opened);
    const words = (JSON.parse(part.text) as { usage: { completion_tokens: number } }).usage.completion_tokens;
    expect(String(words)).toBe(part.head?.headers["X-Tollbooth-Affordable-Tokens"]);
    expect([words > 100, Number(credits.of(userId).available) >= 0]).toEqual([true, true]);
  });

  test("who wants his answers clamped gets as long a one as he can pay, whatever he asks for", async () => {
    const userId = newUser("0.01");
    await ask(setOpenRouterSettings, { auto_clamp: true }, plain(userId));
    const { text, headers } = await chat(userId, { max_tokens: 100_000 });
    const words = (JSON.parse(text) as { usage: { completion_tokens: number } }).usage.completion_tokens;
    expect(String(words)).toBe(headers["X-Tollbooth-Affordable-Tokens"]);
  });

  test("may ask 200 at once: as many are served as he can pay for", async () => {
    const one = 0.000616;
    const userId = newUser((one * 50).toFixed(12));
    const codes = await Promise.all(
      Array.from({ length: 200 }, () => codeOf(chat(userId, { max_tokens: 20, user: "slow", stream: true }))),
    );
    const served = codes.filter((code) => code === "ok").length;
    expect(new Set(codes)).toEqual(new Set(["ok", "insufficient_credits"]));
    expect([served >= 30, toldOf(userId).length, Number(credits.of(userId).available) >= 0]).toEqual([
      true,
      served,
      true,
    ]);
  });
});

describe("a stream", () => {
  test("whose client is gone is read to its end, and paid once", async () => {
    const userId = newUser();
    const opened = await open(userId, { stream: true, user: "slow", max_tokens: 8 });
    await take(userId, opened);
    expect((await take(userId, opened, true)).done).toBe(true);
    expect(await becomes(userId, "recorded")).toBe(true);
    expect(toldOf(userId)).toMatchObject([{ output_tokens: 8, metadata: { status: "left" } }]);
    expect(credits.of(userId).holds).toEqual(["captured"]);
  });

  test("that breaks off ends with an error, and is settled by its bill", async () => {
    const userId = newUser();
    const { text } = await chat(userId, { stream: true, user: "truncated", max_tokens: 8 });
    expect(text).toContain('"error":{"code":502');
    expect(text).not.toContain("[DONE]");
    await sweepNow(2);
    expect(toldOf(userId)).toMatchObject([{ output_tokens: 8, metadata: { status: "looked up" } }]);
    expect(credits.of(userId).holds).toEqual(["captured"]);
  });

  test("that fails in the middle is paid as it says, and does not name the key's owner", async () => {
    const userId = newUser();
    const { text } = await chat(userId, { stream: true, user: "collapsing", max_tokens: 8 });
    expect(text).toContain("Provider disconnected");
    expect(text).not.toContain("user_2fake");
    expect(toldOf(userId)).toHaveLength(1);
  });

  test("is taken by whom it was opened for, and by nobody else", async () => {
    const userId = newUser();
    const opened = await open(userId);
    expect(await codeOf(take(newUser(), opened))).toBe("not_found");
    while (!(await take(userId, opened)).done);
    expect(await codeOf(take(userId, opened))).toBe("not_found");
  });
});

describe("a free model", () => {
  test("needs no credits and takes none; it is counted", async () => {
    const userId = newUser("0");
    const { headers } = await chat(userId, { model: FREE });
    expect(headers).toMatchObject({ "X-Tollbooth-Free": "true", "X-Tollbooth-Cost": "0.000000000000" });
    expect([credits.of(userId).holds, toldOf(userId)[0]?.is_free]).toEqual([[], true]);
  });

  test("that comes with a bill is not charged", async () => {
    const userId = newUser();
    const { headers } = await chat(userId, { model: FREE, user: "costly" });
    expect([headers["X-Tollbooth-Cost"], credits.of(userId).available]).toEqual(["0.000000000000", "1.000000000000"]);
  });

  test("with a search, or with a paid model behind it, is not free", async () => {
    const userId = newUser("0");
    expect(await codeOf(open(userId, { model: FREE, plugins: [{ id: "web" }] }))).toBe("insufficient_credits");
    expect(await codeOf(open(userId, { model: FREE, models: [MODEL] }))).toBe("insufficient_credits");
  });
});

describe("a user's own key", () => {
  const connect = async (...words: string[]) => {
    const [userId, key] = [newUser(), newKey(...words)];
    await ask(createOpenRouterAccount, { api_key: key }, plain(userId));
    return { userId, key };
  };

  test("pays where there is one, and credits where the client insists", async () => {
    const { userId } = await connect();
    expect((await chat(userId)).headers).toMatchObject({
      "X-Tollbooth-Key": "byok",
      "X-Tollbooth-Cost": "0.000000000000",
    });
    expect(credits.of(userId)).toEqual({ available: "1.000000000000", holds: [] });
    expect(toldOf(userId)).toMatchObject([{ byok: true }]);
    expect((await chat(userId, {}, { key: "managed" })).headers["X-Tollbooth-Key"]).toBe("managed");
    expect(credits.of(userId).holds).toEqual(["captured"]);
  });

  test("that was revoked or is empty is said so, and credits never pay in its place", async () => {
    const revoked = await connect();
    await metered.revoke(revoked.key);
    for (let i = 0; i < 2; i++) expect(await codeOf(chat(revoked.userId))).toBe("key_refused");
    const empty = await connect("broke");
    expect(await codeOf(chat(empty.userId))).toBe("insufficient_credits");
    for (const { userId } of [revoked, empty])
      expect([credits.of(userId).holds, await stateOf(userId)]).toEqual([[], []]);
  });

  test("that is revoked or empty is passed over where the user wants it so, and the client does not insist", async () => {
    const [revoked, empty] = [await connect(), await connect("broke")];
    await metered.revoke(revoked.key);
    for (const { userId } of [revoked, empty]) {
      await ask(setOpenRouterSettings, { fallback_to_credits: true }, plain(userId));
      for (let i = 0; i < 2; i++) expect((await chat(userId)).headers["X-Tollbooth-Key"]).toBe("managed");
      await sweepNow(1);
      expect([credits.of(userId).holds, toldOf(userId).length]).toEqual([["captured", "captured"], 2]);
      expect(await codeOf(chat(userId, {}, { key: "byok" }))).toMatch(/key_refused|insufficient_credits/);
    }
  });

  test("that was never connected cannot be insisted on", async () => {
    expect(await codeOf(open(newUser(), {}, { key: "byok" }))).toBe("key_refused");
  });
});

test("settings are both off, change one by one, and are the user's own", async () => {
  const userId = newUser();
  const settings = (input: object) => ask(setOpenRouterSettings, input, plain(userId));
  expect(await ask(getOpenRouterSettings, {}, plain(userId))).toEqual({
    user_id: userId,
    auto_clamp: false,
    fallback_to_credits: false,
  });
  await settings({ auto_clamp: true });
  expect(await settings({ fallback_to_credits: true })).toMatchObject({ auto_clamp: true, fallback_to_credits: true });
  await settings({ auto_clamp: false });
  expect(await ask(getOpenRouterSettings, {}, plain(userId))).toMatchObject({ auto_clamp: false });
  expect(await codeOf(settings({}))).toBe("invalid_request");
  const anothers = ask(setOpenRouterSettings, { user_id: userId, auto_clamp: true }, plain("somebody else"));
  expect(await codeOf(anothers)).toBe("forbidden");
});
