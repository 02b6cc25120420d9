import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import {
  createOpenRouterAccount,
  freeModel,
  getOpenRouterAccount,
  modelMarkup,
  routeChat,
} from "@tollbooth/shared/contracts/openrouter";
import { getPrice } from "@tollbooth/shared/contracts/prices";
import { usageByModel, usageSummary } from "@tollbooth/shared/contracts/usage";
import { Fault } from "@tollbooth/shared/fault";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { breaches } from "./harness/books.ts";
import { SERVICE, testBus } from "./harness/bus.ts";
import { newKey, revoke } from "./harness/openrouter.ts";
import { Person, somebody } from "./harness/person.ts";
import { openPlatform, superuserDb } from "./harness/platform.ts";

const own = await openPlatform("byok");
afterAll(() => own.close());
const { platform, reach } = own;
const { bus } = await testBus(reach);
const WITHIN_MS = 15_000;

async function connected(...words: string[]): Promise<{ user: Person; key: string }> {
  const [user, key] = [await Person.of(somebody(), ["user"], reach), newKey(...words)];
  await user.ok(createOpenRouterAccount, { api_key: key });
  return { user, key };
}

const CHAT = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "x".repeat(4000) }], max_tokens: 500 };
const chat = (user: Person, request_id = somebody("request"), withinMs = WITHIN_MS) =>
  bus.ask(routeChat, { user_id: user.sub, request_id, chat: CHAT }, { ...SERVICE, deadlineMs: Date.now() + withinMs });
/** How many events usage has of a user; undefined while it is away. */
async function events(user: Person): Promise<number | undefined> {
  const { status, json } = await user.ask(usageSummary);
  return status === 200 ? (json as { total_events: number }).total_events : undefined;
}
const becomes = async (user: Person, count: number, withinMs = WITHIN_MS) =>
  expect(await until(async () => (await events(user)) === count, withinMs)).toBe(true);
/** Settles when the service answers; the gateway's word for it may be a second old. */
const answers = async (user: Person) =>
  expect(await until(async () => (await user.ask(getOpenRouterAccount)).status === 200, WITHIN_MS)).toBe(true);

/** Chats that usage is not known to have. */
async function untold(user: Person): Promise<number> {
  const db = await superuserDb(own.folder, "openrouter");
  const found = await db.many(
    z.object({ request_id: z.string() }),
    sql`select request_id from routed_requests where user_id = ${user.sub} and recorded_at is null`,
  );
  await db.close();
  return found.length;
}

/** Lets the service die at a point of its work, as if power had failed; settles when it is back. */
async function diesAt(point: string, user: Person, work: () => Promise<void>): Promise<void> {
  await platform.restart("openrouter", { CRASH_AT: point, OPENROUTER_IN_HAND_S: "3" });
  await answers(user);
  const { pid } = platform.part("openrouter");
  await work();
  expect(await until(() => platform.part("openrouter").pid !== pid, WITHIN_MS)).toBe(true);
  await answers(user);
}

describe("a chat on a user's own key", () => {
  test("is in his usage at what it cost him, and takes none of his credits", async () => {
    const { user } = await connected();
    const before = await user.ok(getBalance);
    const { completion } = await chat(user);
    expect(completion).toMatchObject({ usage: { prompt_tokens: 1000, completion_tokens: 500, cost: 0.00045 } });
    await becomes(user, 1);
    expect(await user.ok(usageByModel)).toMatchObject([
      { service: "openrouter", model: CHAT.model, event_count: 1, total_tokens: 1500, total_cost: "0.000472500000" },
    ]);
    expect((await user.ok(getBalance)).balance).toBe(before.balance);
    expect(await user.ok(listTransactions, { transaction_type: "usage" })).toEqual([]);
  });

  test("is answered while usage is away, and recorded once when it is back", async () => {
    const { user } = await connected();
    await platform.part("usage").stop();
    await chat(user, "away");
    await expect(chat(user, "away")).rejects.toThrow("was sent before");
    await platform.part("usage").start();
    await becomes(user, 1);
  });

  test("is recorded once when the service dies after the answer", async () => {
    const { user } = await connected();
    await platform.part("usage").stop();
    await chat(user);
    platform.part("openrouter").kill("SIGKILL");
    await platform.part("usage").start();
    await becomes(user, 1);
    await answers(user);
    expect(await breaches(reach.auditUrls)).toEqual([]);
  });

  test("is recorded once when the service dies before it has noted that usage has it", async () => {
    const { user } = await connected();
    await diesAt("reporting.before-mark", user, async () => {
      await expect(chat(user, somebody("request"), 2_000)).rejects.toThrow("was not answered in time");
    });
    expect(await until(async () => (await untold(user)) === 0, WITHIN_MS)).toBe(true);
    expect(await events(user)).toBe(1);
  });

  test("is not sent again when the service dies with the answer: its bill is looked up", async () => {
    const { user } = await connected();
    await diesAt("settling.after-answer", user, async () => {
      await expect(chat(user, "lost", 2_000)).rejects.toThrow("was not answered in time");
    });
    await expect(chat(user, "lost")).rejects.toThrow("was sent before");
    await becomes(user, 1);
  });

  test("is recorded once when the service dies before it has told usage", async () => {
    const { user } = await connected();
    await diesAt("settling.after-keep", user, async () => {
      await expect(chat(user, "kept", 2_000)).rejects.toThrow("was not answered in time");
    });
    await becomes(user, 1);
    expect(await untold(user)).toBe(0);
  });

  test("finds out that the key was revoked, and the user sees it", async () => {
    const { user, key } = await connected();
    await revoke(key, reach.openRouterUrl);
    const refusal = await chat(user).catch((error: unknown) => Fault.from(error));
    expect(refusal).toMatchObject({
      code: "key_refused",
      more: { fix: expect.stringContaining("create-account") as string },
    });
    expect(await user.ok(getOpenRouterAccount)).toMatchObject({ is_active: false });
  });
});

describe("OpenRouter's prices", () => {
  test("are usage's prices soon after the start, to the last digit", async () => {
    const priceOf = (model: string) => bus.ask(getPrice, { service: "openrouter", model }, SERVICE);
    expect(
      await until(
        () =>
          priceOf("fake/precise").then(
            () => true,
            () => false,
          ),
        WITHIN_MS,
      ),
    ).toBe(true);
    const { rates, source } = await priceOf("fake/precise");
    expect(source).toBe("openrouter-models");
    expect(rates.map(({ unit, price }) => [unit, price.toFixed()])).toEqual([
      ["input_token", "0.0000001234567890123456"],
      ["output_token", "0.0000009876543210987654"],
    ]);
    await expect(priceOf("openrouter/auto")).rejects.toThrow("no price is known");
  });

  // prettier-ignore
  test.each([
    { model: "deepseek/deepseek-chat-v3-0324:free", isFree: true,  markup: "free 0" },
    { model: "fake/gift",                           isFree: true,  markup: "free 0" },
    { model: "fake/music",                          isFree: false, markup: "budget 0.05" },
    { model: "fake/searcher",                       isFree: false, markup: "budget 0.05" },
    { model: "openrouter/auto",                     isFree: false, markup: "standard 0.1" },
    { model: "openai/gpt-4.1",                      isFree: false, markup: "standard 0.1" },
    { model: "anthropic/claude-opus-4",             isFree: false, markup: "premium 0.15" },
    { model: "openai/gpt-4o-mini",                  isFree: false, markup: "budget 0.05" },
  ])("say that $model is free: $isFree, and is marked up as $markup", async ({ model, isFree, markup }) => {
    expect(await bus.ask(freeModel, { model }, SERVICE)).toEqual({ model, is_free: isFree });
    const { markup_class, markup_rate } = await bus.ask(modelMarkup, { model }, SERVICE);
    expect(`${markup_class} ${Number(markup_rate)}`).toBe(markup);
  });
});

test("a key in another user's row is refused, and the other user's is not used", async () => {
  const [ann, bob] = [await connected(), await connected()];
  const db = await superuserDb(own.folder, "openrouter");
  await db.run(
    sql`update openrouter_accounts a set sealed_key = b.sealed_key from openrouter_accounts b
        where a.user_id = ${ann.user.sub} and b.user_id = ${bob.user.sub}`,
  );
  await db.close();
  expect(Fault.from(await chat(ann.user).catch((error: unknown) => error)).code).toBe("internal");
  expect(await until(async () => (await events(ann.user)) === 0, WITHIN_MS)).toBe(true);
  await chat(bob.user);
});
