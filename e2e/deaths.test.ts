/** Chats whose services die, or are away: each is sent once, recorded once and paid once, or not at all. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOpenRouterAccount, getOpenRouterAccount, routeChat } from "@tollbooth/shared/contracts/openrouter";
import { getPrice } from "@tollbooth/shared/contracts/prices";
import { usageSummary } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { decimal } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import { balanceOf } from "./harness/balance.ts";
import { breaches } from "./harness/books.ts";
import { SERVICE, testBus } from "./harness/bus.ts";
import { newKey } from "./harness/openrouter.ts";
import { Person, somebody } from "./harness/person.ts";
import { openPlatform, superuserDb } from "./harness/platform.ts";
import { raw } from "./harness/proxy.ts";

const own = await openPlatform("deaths", { OPENROUTER_API_KEY: newKey("managed") });
afterAll(() => own.close());
const { platform, reach } = own;
const { bus } = await testBus(reach);
const WITHIN_MS = 15_000;
/** How long what the service had in its hands when it died is left to it. */
const IN_HAND = { OPENROUTER_IN_HAND_S: "3" };
const SWEPT_WITHIN_MS = 25_000;

const messages = [{ role: "user", content: "x".repeat(400) }];
const CHAT = { model: "openai/gpt-4.1", messages, max_tokens: 50 };
/** 100 tokens for 0.000002, 50 for 0.000008, and a tenth. */
const COST = "0.000660000000";
const ALL = "5.000000000000";
const NOTHING = "0.000000000000";

const person = () => Person.of(somebody(), ["user"], reach);
/** Settles when the service answers; the gateway's word for it may be a second old. */
const answers = async (user: Person) =>
  expect(await until(async () => (await user.ask(getOpenRouterAccount)).status === 200, WITHIN_MS)).toBe(true);
/** How many events usage has of a user; undefined while it is away. */
async function events(user: Person): Promise<number | undefined> {
  const { status, json } = await user.ask(usageSummary);
  return status === 200 ? (json as { total_events: number }).total_events : undefined;
}

/** Lets the service die at a point of its work, as if power had failed; settles when it is back. */
async function diesAt(point: string, user: Person, work: () => Promise<void>): Promise<void> {
  await platform.restart("openrouter", { ...IN_HAND, CRASH_AT: point });
  await answers(user);
  const { pid } = platform.part("openrouter");
  await work();
  expect(await until(() => platform.part("openrouter").pid !== pid, WITHIN_MS)).toBe(true);
  await answers(user);
}

/** How many requests of a user are under way, or are not known to be told. */
async function requests(user: Person, of: "under way" | "untold"): Promise<number> {
  const db = await superuserDb(reach.folder, "openrouter");
  const left = {
    "under way": sql`select from routed_requests where user_id = ${user.sub} and state not in ('recorded', 'lost')`,
    untold: sql`select from routed_requests where user_id = ${user.sub} and recorded_at is null`,
  };
  const found = await db.run(left[of]);
  await db.close();
  return found;
}

/** On a platform that nobody has told to fetch them. */
test("OpenRouter's prices are usage's prices soon after the start, to the last digit", async () => {
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

describe("a chat on the user's own key", () => {
  const chat = (user: Person, request_id = somebody("request"), withinMs = WITHIN_MS) =>
    bus.ask(
      routeChat,
      { user_id: user.sub, request_id, chat: CHAT },
      { ...SERVICE, deadlineMs: Date.now() + withinMs },
    );
  const isNotAnswered = (user: Person, request_id?: string) =>
    expect(chat(user, request_id, 2_000)).rejects.toThrow("was not answered in time");
  const becomes = async (user: Person, count: number) =>
    expect(await until(async () => (await events(user)) === count, WITHIN_MS)).toBe(true);

  async function connected(): Promise<Person> {
    const user = await person();
    await user.ok(createOpenRouterAccount, { api_key: newKey() });
    return user;
  }

  test("is answered while usage is away, and recorded once when it is back", async () => {
    const user = await connected();
    await platform.part("usage").stop();
    await chat(user, "away");
    await expect(chat(user, "away")).rejects.toThrow("was sent before");
    await platform.part("usage").start();
    await becomes(user, 1);
  });

  test("is recorded once when the service dies after the answer", async () => {
    const user = await connected();
    await platform.part("usage").stop();
    await chat(user);
    platform.part("openrouter").kill("SIGKILL");
    await platform.part("usage").start();
    await becomes(user, 1);
    await answers(user);
    expect(await breaches(reach.auditUrls)).toEqual([]);
  });

  test("is recorded once when the service dies before it has noted that usage has it", async () => {
    const user = await connected();
    await diesAt("reporting.before-mark", user, () => isNotAnswered(user));
    expect(await until(async () => (await requests(user, "untold")) === 0, WITHIN_MS)).toBe(true);
    expect(await events(user)).toBe(1);
  });

  test("is not sent again when the service dies with the answer: its bill is looked up", async () => {
    const user = await connected();
    await diesAt("settling.after-answer", user, () => isNotAnswered(user, "lost"));
    await expect(chat(user, "lost")).rejects.toThrow("was sent before");
    await becomes(user, 1);
  });

  test("is recorded once when the service dies before it has told usage", async () => {
    const user = await connected();
    await diesAt("settling.after-keep", user, () => isNotAnswered(user));
    await becomes(user, 1);
    expect(await requests(user, "untold")).toBe(0);
  });
});

describe("a chat that credits pay", () => {
  // Whoever waits for it is told sooner than he would be by default.
  beforeAll(async () => {
    await platform.restart("gateway", { REQUEST_TIMEOUT_MS: "3000" });
    await platform.ready();
  });

  const isRefused = async (user: Person) =>
    expect((await raw(reach, { sub: user.sub, body: CHAT })).status).toBeGreaterThanOrEqual(500);
  /** Settles when a user has been charged so much, and nothing is held. */
  const paid = async (user: Person, amount: string, withinMs = WITHIN_MS) => {
    const now = async () => {
      const { balance, held } = await balanceOf(user);
      return [decimal(ALL).minus(balance).toFixed(12), held];
    };
    await until(async () => JSON.stringify(await now()) === JSON.stringify([amount, NOTHING]), withinMs);
    expect(await now()).toEqual([amount, NOTHING]);
  };

  test("is not paid when the service dies after the claim, or after the hold, and the hold is given back", async () => {
    const [claimed, held] = [await person(), await person()];
    await diesAt("metering.after-claim", claimed, () => isRefused(claimed));
    await diesAt("metering.after-hold", held, () => isRefused(held));
    for (const user of [claimed, held]) {
      expect(await until(async () => (await requests(user, "under way")) === 0, SWEPT_WITHIN_MS)).toBe(true);
      await paid(user, NOTHING);
      expect(await events(user)).toBe(0);
    }
  });

  test("is paid once when the service dies after the answer, or after that was kept", async () => {
    const [answered, kept] = [await person(), await person()];
    await diesAt("settling.after-answer", answered, () => isRefused(answered));
    await diesAt("settling.after-keep", kept, () => isRefused(kept));
    for (const user of [answered, kept]) {
      await paid(user, COST, SWEPT_WITHIN_MS);
      expect(await events(user)).toBe(1);
    }
  });
});

test("and the books balance", async () => {
  expect(await breaches(reach.auditUrls)).toEqual([]);
});
