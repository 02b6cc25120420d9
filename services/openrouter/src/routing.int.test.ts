import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { createOpenRouterAccount, getOpenRouterAccount, routeChat } from "@tollbooth/shared/contracts/openrouter";
import type { Db } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { until } from "@tollbooth/shared/local/condition";
import { print } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import { route } from "./routing.ts";
import { sweep } from "./sweeping.ts";
import { codeOf, newKey, openOpenRouter, plain, SERVICE } from "./testing/service.ts";
import { pretendUsage } from "./testing/usage.ts";

const service = await openOpenRouter();
const { db, bus, metering, exchanges } = service;

const usage = await pretendUsage(bus);
beforeEach(async () => {
  usage.refusal = undefined;
  await hurry();
  await sweep(metering);
  usage.told = [];
});

let made = 0;
async function connected(...words: string[]): Promise<{ userId: string; key: string }> {
  const [userId, key] = [`user-${++made}`, newKey(...words)];
  await service.ask(createOpenRouterAccount, { api_key: key }, plain(userId));
  return { userId, key };
}
const CHAT = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "x".repeat(40) }], max_tokens: 3 };
const chat = (user_id: string, request_id = `request-${++made}`, more: object = {}, deadlineMs?: number) =>
  service.ask(routeChat, { user_id, request_id, chat: { ...CHAT, ...more } }, SERVICE, deadlineMs);
const leftOf = async (userId: string) => {
  const state = z.object({ state: z.string() });
  return (
    await db.many(
      state,
      sql`select state from routed_requests where user_id = ${userId} and request_id not like 'refused:%'`,
    )
  ).map((row) => row.state);
};
const hurry = () => db.run(sql`update routed_requests set next_at = clock_timestamp() where state <> 'sent'`);
/** The database, away for the first statements of a kind. */
function awayFrom(isIt: (text: string) => boolean, outages: number): { away: Db; left: { outages: number } } {
  const left = { outages };
  const run: Db["run"] = async (query) => {
    if (isIt(query.text) && left.outages-- > 0) throw new Fault("unavailable", "the database is away");
    return db.run(query);
  };
  return { away: { ...db, run }, left };
}

describe("a chat on a user's own key", () => {
  test("is answered in OpenRouter's words, and usage is told what it used", async () => {
    const { userId } = await connected();
    const { completion } = await chat(userId, "r1");
    expect(completion).toMatchObject({ object: "chat.completion", model: CHAT.model, usage: { completion_tokens: 3 } });
    await sweep(metering);
    expect(usage.told).toMatchObject([
      {
        user_id: userId,
        source: "openrouter",
        event_id: "r1",
        byok: true,
        model: CHAT.model,
        input_tokens: 10,
        output_tokens: 3,
      },
    ]);
    expect(usage.told[0]?.provider_cost && print(usage.told[0].provider_cost)).toBe("0.000003300000");
    expect(await leftOf(userId)).toEqual(["recorded"]);
    await sweep(metering);
    expect(usage.told).toHaveLength(1);
  });

  test("always says how much it may cost at most", async () => {
    const { userId } = await connected();
    const { completion } = await chat(userId, undefined, { max_tokens: undefined });
    expect(completion).toMatchObject({ usage: { completion_tokens: 16_384 } });
  });

  test("is sent once, however often it is asked", async () => {
    const { userId, key } = await connected();
    const codes = await Promise.all(Array.from({ length: 10 }, () => codeOf(chat(userId, "again"))));
    expect(codes.toSorted()).toEqual(Array.from({ length: 10 }, (_, i) => (i < 9 ? "idempotency_conflict" : "ok")));
    const { limitRemaining } = await service.openRouter.key(service.vault.open(userId, await sealedOf(userId)));
    expect([limitRemaining?.toFixed(), key.length > 9]).toEqual(["99.9999967", true]);
  });

  test("from the cache is recorded, and has cost nothing", async () => {
    const { userId } = await connected("cached");
    await chat(userId);
    await sweep(metering);
    expect(usage.told).toMatchObject([{ input_tokens: 0, output_tokens: 0 }]);
    expect(usage.told[0]?.provider_cost?.isZero()).toBe(true);
  });

  // prettier-ignore
  test.each([
    { word: "broke",      code: "insufficient_credits" },
    { word: "management", code: "forbidden" },
  ])("that a $word key cannot have is refused, and may be asked again", async ({ word, code }) => {
    const { userId } = await connected(word);
    for (let i = 0; i < 2; i++) expect(await codeOf(chat(userId, "again"))).toBe(code);
    expect(await leftOf(userId)).toEqual([]);
  });

  test("of which nobody knows what became is not sent again", async () => {
    const { userId } = await connected("late");
    expect(await codeOf(chat(userId, "unknown"))).toBe("timeout");
    expect(await codeOf(chat(userId, "unknown"))).toBe("idempotency_conflict");
    expect(await leftOf(userId)).toEqual(["sent"]);
  });

  test("that was answered while the database was away is kept, and told, as soon as it is back", async () => {
    const { userId } = await connected();
    const { away, left } = awayFrom((text) => text.includes("answered_at ="), 2);
    const asked = routeChat.input.parse({ user_id: userId, request_id: "away", chat: CHAT });
    await route({ ...metering, db: away }, exchanges, asked, { askedBy: "agents", deadlineMs: Date.now() + 10_000 });
    await sweep(metering);
    expect(usage.told.map(({ event_id }) => event_id)).toEqual(["away"]);
    expect(left.outages).toBeLessThan(0);
  });

  test("that breaks off while the database is away is one of which nobody knows, and is settled by its bill", async () => {
    const { userId } = await connected();
    const isLetGo = (text: string) => text.includes("state = 'sent'") && text.includes("set next_at");
    const { away, left } = awayFrom(isLetGo, 1);
    const asked = routeChat.input.parse({ user_id: userId, request_id: "broken", chat: { ...CHAT, user: "silent" } });
    await route({ ...metering, db: away }, exchanges, asked, { askedBy: "agents", deadlineMs: Date.now() + 10_000 });
    expect([left.outages, await leftOf(userId)]).toEqual([0, ["sent"]]);
    for (let i = 0; i < 2; i++) {
      await db.run(sql`update routed_requests set next_at = clock_timestamp() where user_id = ${userId}`);
      await sweep(metering);
    }
    expect(usage.told).toMatchObject([{ event_id: "broken", metadata: { status: "looked up" } }]);
  });

  test("that is not answered in time is settled all the same, when it has been", async () => {
    const { userId } = await connected("slow");
    expect(await codeOf(chat(userId, "slow", {}, Date.now() + 700))).toBe("timeout");
    expect(await until(async () => (await leftOf(userId)).join() === "recorded", 5_000)).toBe(true);
    expect(usage.told).toMatchObject([{ event_id: "slow", output_tokens: 3, metadata: { status: "left" } }]);
  });

  test("without enough time is not sent at all", async () => {
    const { userId } = await connected();
    expect(await codeOf(chat(userId, "late", {}, Date.now() + 400))).toBe("timeout");
    expect(await leftOf(userId)).toEqual([]);
  });

  test("finds out that the key was revoked; the next one is refused without asking", async () => {
    const { userId, key } = await connected();
    await service.revoke(key);
    for (let i = 0; i < 2; i++) expect(await codeOf(chat(userId))).toBe("key_refused");
    expect(await service.ask(getOpenRouterAccount, {}, plain(userId))).toMatchObject({ is_active: false });
    expect(await leftOf(userId)).toEqual([]);
  });

  // prettier-ignore
  test.each([
    { name: "without messages",   more: { messages: [] } },
    { name: "without a model",    more: { model: "" } },
    { name: "that is a stream",   more: { stream: true } },
    { name: "of an unknown model", more: { model: "no/such" } },
  ])("$name is refused", async ({ more }) => {
    const { userId } = await connected();
    expect(await codeOf(chat(userId, undefined, more))).toBe("invalid_request");
  });

  test("needs a key, and a service that asks", async () => {
    expect(await codeOf(chat("nobody"))).toBe("not_found");
    const { userId } = await connected();
    const asked = service.ask(routeChat, { user_id: userId, request_id: "own", chat: CHAT }, plain(userId));
    expect(await codeOf(asked)).toBe("forbidden");
  });
});

describe("a report", () => {
  test("is told again, the same, until usage has it", async () => {
    const { userId } = await connected();
    usage.refusal = new Fault("unavailable", "usage is away");
    await chat(userId);
    await hurry();
    await expect(sweep(metering)).rejects.toThrow("usage is away");
    usage.refusal = undefined;
    await sweep(metering);
    expect(usage.told).toHaveLength(3);
    expect(usage.told[0]).toEqual(usage.told[2]);
    expect(await leftOf(userId)).toEqual(["recorded"]);
  });

  test("that usage refuses waits, hinders no other, and is told when that has been seen to", async () => {
    const [{ userId }, other] = [await connected(), await connected()];
    usage.refusal = new Fault("unpriced_model", "no price is known");
    await chat(userId);
    await sweep(metering);
    expect(usage.told).toHaveLength(1);
    usage.refusal = undefined;
    await chat(other.userId);
    await sweep(metering);
    expect([await leftOf(userId), await leftOf(other.userId)]).toEqual([["answered"], ["recorded"]]);
    await hurry();
    await sweep(metering);
    expect(await leftOf(userId)).toEqual(["recorded"]);
  });
});

async function sealedOf(userId: string) {
  const row = await db.one(
    z.object({ vault_key_id: z.string(), sealed_key: z.string() }),
    sql`select vault_key_id, sealed_key from openrouter_accounts where user_id = ${userId}`,
  );
  return { vaultKeyId: row.vault_key_id, token: row.sealed_key };
}
