import OpenAI, { type APIError } from "openai";
import { describe, expect, inject, test } from "vitest";
import { allocate, getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { createOpenRouterAccount } from "@tollbooth/shared/contracts/openrouter";
import { usageFreeTier, usageSummary } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { breaches } from "./harness/books.ts";
import { newKey } from "./harness/openrouter.ts";
import { newUser, Person } from "./harness/person.ts";
import { openAi, openRouterSdk, raw } from "./harness/proxy.ts";

const reach = inject("platform");
const WITHIN_MS = 15_000;

const MODEL = "openai/gpt-4.1";
const FREE = "deepseek/deepseek-chat-v3-0324:free";
const messages = [{ role: "user" as const, content: "x".repeat(400) }];
const CHAT = { model: MODEL, messages, max_completion_tokens: 50 };
/** 100 tokens for 0.000002, 50 for 0.000008, and a tenth. */
const COST = "0.000660000000";

/** Words to the fake OpenRouter. */
const fakes = (words: string) => ({ user: words });

const root = await Person.of("root", ["admin"]);
const balanceOf = async (user: Person) => {
  const { available, held } = (await user.ok(getBalance)) as { available: string; held: string };
  return { available, held };
};
const spent = async (user: Person, from: string) =>
  (Number(from) - Number((await balanceOf(user)).available)).toFixed(12);
/** Settles when so much is gone from the trial's 5 credits, and nothing is held. */
const paid = async (user: Person, amount: string) => {
  const isSo = async () => (await balanceOf(user)).held === "0.000000000000" && (await spent(user, "5")) === amount;
  expect([await until(isSo, WITHIN_MS), await spent(user, "5")]).toEqual([true, amount]);
};
const eventsOf = async (user: Person) => (await user.ok(usageSummary)).total_events;
/** So many tokens, one after the other, with keep-alives between them. */
function slowly(client: OpenAI, tokens: number) {
  const said = { ...CHAT, ...fakes("slow"), max_completion_tokens: tokens };
  return client.chat.completions.create({ ...said, stream: true });
}

describe("OpenAI's client, with a token for its key and our address for its base", () => {
  test("chats; credits pay once, and the answer says what it cost and what is left", async () => {
    const user = await newUser();
    const { data, response } = await (await openAi(user.sub, reach)).chat.completions.create(CHAT).withResponse();
    expect([data.choices[0]?.message.content?.split(" ").length, data.usage?.completion_tokens]).toEqual([50, 50]);
    expect(response.headers.get("x-tollbooth-cost")).toBe(COST);
    await paid(user, COST);
    expect(response.headers.get("x-tollbooth-balance")).toBe((await balanceOf(user)).available);
    const lines = await user.ok(listTransactions, { transaction_type: "usage" });
    expect(lines).toMatchObject([{ amount: `-${COST}`, service: "openrouter", model: MODEL }]);
    expect(lines[0]?.metadata["event_id"]).toBe(response.headers.get("x-tollbooth-request-id"));
  });

  test("streams, keep-alives and all", async () => {
    const user = await newUser();
    const client = await openAi(user.sub, reach);
    const stream = await slowly(client, 20);
    let words = "";
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      words += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    expect([words.split(" ").length, usage?.completion_tokens]).toEqual([20, 20]);
    await paid(user, "0.000396000000");
  });

  test("makes embeddings, and lists models with what they cost", async () => {
    const user = await newUser();
    const client = await openAi(user.sub, reach);
    const list = async () => new Map((await client.models.list()).data.map((model) => [model.id, model]));
    expect(
      await until(async () => (await list().catch(() => undefined))?.has("fake/embedder") === true, WITHIN_MS),
    ).toBe(true);
    const made = await client.embeddings.create({
      model: "fake/embedder",
      input: "x".repeat(4000),
      encoding_format: "float",
    });
    expect(made.data[0]?.embedding).toHaveLength(3);
    await paid(user, "0.000021000000");
    const listed = await list();
    expect(listed.get(MODEL)).toMatchObject({
      pricing: { input_token: "0.000002", output_token: "0.000008" },
      tollbooth: { markup_class: "standard", pricing: { input_token: "0.0000022", output_token: "0.0000088" } },
    });
    expect(listed.get(FREE)).toMatchObject({ tollbooth: { is_free: true } });
    expect(listed.has("openrouter/auto")).toBe(false);
  });

  test("is told in its own words what it cannot have", async () => {
    const user = await newUser();
    const client = await openAi(user.sub, reach);
    const refusal = await client.chat.completions
      .create({ ...CHAT, max_completion_tokens: 5_000_000 })
      .catch((error: unknown) => error as APIError & { error: { affordable_tokens: number } });
    expect(refusal).toMatchObject({
      status: 402,
      code: "insufficient_credits",
      error: { available: "5.000000000000", affordable_tokens: expect.any(Number) as number },
    });
    await expect(client.chat.completions.create({ ...CHAT, model: "openrouter/auto" })).rejects.toThrow("no price");
    await expect(client.chat.completions.create({ ...CHAT, ...fakes("limited") })).rejects.toBeInstanceOf(
      OpenAI.RateLimitError,
    );
    await paid(user, "0.000000000000");
  });

  test("that hangs up has its stream read to its end and paid once", async () => {
    const user = await newUser();
    const client = await openAi(user.sub, reach);
    const stream = await slowly(client, 30);
    for await (const _ of stream) break;
    await paid(user, "0.000484000000");
    expect(await eventsOf(user)).toBe(1);
  });

  test("needs no credits for a free model; it is counted", async () => {
    const user = await newUser();
    await (await openAi(user.sub, reach)).chat.completions.create({ ...CHAT, model: FREE });
    expect(await until(async () => (await user.ok(usageFreeTier)).total_free_events === 1, WITHIN_MS)).toBe(true);
    await paid(user, "0.000000000000");
  });

  test("is served by the user's own key where there is one, and his credits stay", async () => {
    const user = await newUser();
    await user.ok(createOpenRouterAccount, { api_key: newKey() });
    const { response } = await (await openAi(user.sub, reach)).chat.completions.create(CHAT).withResponse();
    expect(response.headers.get("x-tollbooth-key")).toBe("byok");
    await paid(user, "0.000000000000");
    const managed = await openAi(user.sub, reach, { "X-Tollbooth-Key": "managed" });
    await managed.chat.completions.create(CHAT);
    await paid(user, COST);
  });
});

test("OpenRouter's own client works as well, whole and as a stream", async () => {
  const user = await newUser();
  const client = await openRouterSdk(user.sub, reach);
  const whole = await client.chat.send({ chatRequest: { model: MODEL, messages, maxTokens: 50 } });
  expect("choices" in whole && whole.choices[0]?.finishReason).toBe("length");
  const stream = await client.chat.send({ chatRequest: { model: MODEL, messages, maxTokens: 50, stream: true } });
  let words = "";
  if (Symbol.asyncIterator in stream) for await (const chunk of stream) words += chunk.choices[0]?.delta.content ?? "";
  expect(words.split(" ")).toHaveLength(50);
  await paid(user, "0.001320000000");
});

test("200 chats at once of who can afford few leave him with nothing less than nothing", async () => {
  const user = await newUser();
  const body = { ...CHAT, max_completion_tokens: 10_000 };
  // The trial's 5 credits are 56 holds of 0.0889, and each costs all but what the prompt was overestimated by.
  const answers = await Promise.all(Array.from({ length: 200 }, () => raw(reach, { sub: user.sub, body })));
  const served = answers.filter(({ status }) => status === 200).length;
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 402]));
  await paid(user, (served * 0.08822).toFixed(12));
  expect([served, Number((await balanceOf(user)).available) >= 0]).toEqual([56, true]);
});

test("clients that hang up at any moment pay for what was done, once each", async () => {
  const user = await newUser();
  await root.ok(allocate, { user_id: user.sub, amount: "100", source: "test" });
  const client = await openAi(user.sub, reach);
  const total = 40;
  const late = (i: number) => AbortSignal.timeout(10 + i * 12);
  // Every other one when it has heard so many words, so that there is much to pay on any machine; the others when it is time.
  const hangsUp = async (i: number) => {
    const isStream = i % 4 !== 0;
    const hearsMax = i % 2 === 1 ? (i + 1) / 2 : Infinity;
    const asked = { ...CHAT, stream: isStream, ...fakes("slow"), max_completion_tokens: 20 };
    let heard = 0;
    try {
      const answer = await client.chat.completions.create(asked, hearsMax < Infinity ? {} : { signal: late(i) });
      if (!(Symbol.asyncIterator in answer)) return 1;
      for await (const _ of answer) if (++heard === hearsMax) break;
    } catch {
      // He has hung up.
    }
    return heard;
  };
  const heard = await Promise.all(Array.from({ length: total }, (_, i) => hangsUp(i)));
  const served = heard.filter((words) => words > 0).length;
  expect(served).toBeGreaterThanOrEqual(total / 2);
  const counts = async () => {
    const [events, paidFor] = [await eventsOf(user), await spent(user, "105")];
    return [
      served <= events && events <= total,
      paidFor === (events * 0.000396).toFixed(12),
      (await balanceOf(user)).held,
    ];
  };
  const wanted = [true, true, "0.000000000000"];
  await until(async () => JSON.stringify(await counts()) === JSON.stringify(wanted), WITHIN_MS);
  expect(await counts()).toEqual(wanted);
});

test("and the books balance", async () => {
  expect(await breaches()).toEqual([]);
});
