import { describe, expect, inject, test } from "vitest";
import { getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import {
  createOpenRouterAccount,
  freeModel,
  getOpenRouterAccount,
  modelMarkup,
  routeChat,
} from "@tollbooth/shared/contracts/openrouter";
import { usageByModel, usageSummary } from "@tollbooth/shared/contracts/usage";
import { Fault } from "@tollbooth/shared/fault";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { SERVICE, testBus } from "./harness/bus.ts";
import { newKey, revoke } from "./harness/openrouter.ts";
import { newUser, somebody, type Person } from "./harness/person.ts";
import { superuserDb } from "./harness/platform.ts";

const { folder } = inject("platform");
const { bus } = await testBus();
const WITHIN_MS = 15_000;

async function connected(...words: string[]): Promise<{ user: Person; key: string }> {
  const [user, key] = [await newUser(), newKey(...words)];
  await user.ok(createOpenRouterAccount, { api_key: key });
  return { user, key };
}

const CHAT = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "x".repeat(4000) }], max_tokens: 500 };
const chat = (user: Person) => {
  const asked = { user_id: user.sub, request_id: somebody("request"), chat: CHAT };
  return bus.ask(routeChat, asked, { ...SERVICE, deadlineMs: Date.now() + WITHIN_MS });
};
const becomes = async (user: Person, count: number) =>
  expect(await until(async () => (await user.ok(usageSummary)).total_events === count, WITHIN_MS)).toBe(true);

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

  test("finds out that the key was revoked, and the user sees it", async () => {
    const { user, key } = await connected();
    await revoke(key);
    const refusal = await chat(user).catch((error: unknown) => Fault.from(error));
    expect(refusal).toMatchObject({
      code: "key_refused",
      more: { fix: expect.stringContaining("create-account") as string },
    });
    expect(await user.ok(getOpenRouterAccount)).toMatchObject({ is_active: false });
  });
});

describe("OpenRouter's prices", () => {
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
  const db = await superuserDb(folder, "openrouter");
  await db.run(
    sql`update openrouter_accounts a set sealed_key = b.sealed_key from openrouter_accounts b
        where a.user_id = ${ann.user.sub} and b.user_id = ${bob.user.sub}`,
  );
  await db.close();
  expect(Fault.from(await chat(ann.user).catch((error: unknown) => error)).code).toBe("internal");
  await becomes(ann.user, 0);
  await chat(bob.user);
});
