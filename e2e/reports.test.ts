import { afterAll, describe, expect, test } from "vitest";
import { getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { discardDeadLetters, listDeadLetters, redriveDeadLetters } from "@tollbooth/shared/contracts/dead-letters";
import { setPrice } from "@tollbooth/shared/contracts/prices";
import { trackUsage, usageEventOutcomes, usageSummary } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { streams as allStreams } from "@tollbooth/shared/streams";
import { breaches } from "./harness/books.ts";
import { ADMIN, testBus } from "./harness/bus.ts";
import { newUser, service, somebody, type Person } from "./harness/person.ts";

const { bus, streams } = await testBus();
const WITHIN_MS = 10_000;
const DAY_MS = 86_400_000;

interface Message {
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body: object | string;
}

/** A service of any language that reports on the stream. */
function reporter(source = somebody("reporter")) {
  sources.push(source);
  return {
    source,
    send: ({ headers = {}, body }: Message) =>
      streams.publish(
        allStreams.usageReports.name,
        `usage.report.${source}`,
        somebody("message"),
        headers,
        typeof body === "string" ? body : JSON.stringify(body),
      ),
    outcomes: async (user: Person, ...ids: string[]) => {
      const events = ids.map((event_id) => ({ user_id: user.sub, event_id }));
      return (await bus.ask(usageEventOutcomes, { source, events })).map(({ outcome }) => outcome);
    },
  };
}

type Reporter = ReturnType<typeof reporter>;
const sources: string[] = [];

/** Other stories on this platform find no letter of ours waiting. */
afterAll(async () => {
  const left = (await Promise.all(sources.map((source) => lettersOf({ source })))).flat();
  if (left.length === 0) return;
  await bus.ask(discardDeadLetters, { ids: left.map(({ id }) => id), by: "e2e", reason: "it was sent to be dead" });
});

async function becomeOf(from: Reporter, user: Person, event_id: string, outcome: string): Promise<void> {
  let last: string | undefined;
  await until(async () => ([last] = await from.outcomes(user, event_id))[0] === outcome, WITHIN_MS);
  expect(last).toBe(outcome);
}

async function charged(user: Person, balance: string): Promise<void> {
  expect(await until(async () => (await user.ok(getBalance)).balance === balance, WITHIN_MS)).toBe(true);
}

function cloudEvent(id: string, more: Record<string, string> = {}) {
  return { "ce-specversion": "1.0", "ce-type": "usage.report", "ce-source": "/somewhere", "ce-id": id, ...more };
}

/** The letters that a reporter has left. */
async function lettersOf({ source }: Pick<Reporter, "source">) {
  const letters = [];
  for (let after: string | undefined = "0"; after !== undefined;) {
    const page: Awaited<ReturnType<typeof list>> = await list(after);
    letters.push(...page);
    after = page.at(-1)?.id;
  }
  return letters.filter(({ subject }) => subject === `usage.report.${source}`);
}

function list(after: string) {
  return bus.ask(listDeadLetters, { after, limit: 500 });
}

async function letterOf(from: Reporter, count = 1) {
  let letters: Awaited<ReturnType<typeof lettersOf>> = [];
  await until(async () => (letters = await lettersOf(from)).length >= count, WITHIN_MS);
  expect(letters).toHaveLength(count);
  return letters;
}

describe("a report on the stream", () => {
  test("is charged, as a CloudEvent whose headers say which and when", async () => {
    const [user, from] = [await newUser(), reporter()];
    const time = new Date(Date.now() - 2 * DAY_MS).toISOString();
    const headers = cloudEvent("a b/1 ключ".replaceAll(/[^ -~]|[ /]/gu, encodeURIComponent), { "ce-time": time });
    await from.send({
      headers,
      body: { user_id: user.sub, service: "brigade", input_tokens: 1000, output_tokens: 500 },
    });
    await becomeOf(from, user, "a b/1 ключ", "applied");
    await charged(user, "4.996700000000");
    const [line] = await user.ok(listTransactions);
    expect(line).toMatchObject({
      actor: { sub: from.source, role: "service" },
      metadata: { source: from.source, event_id: "a b/1 ключ", occurred_at: time },
    });
    const day = time.slice(0, 10);
    expect(await user.ok(usageSummary, { start_date: day, end_date: day })).toMatchObject({ total_events: 1 });
  });

  test("is charged, as plain JSON with an event_id", async () => {
    const [user, from] = [await newUser(), reporter()];
    await from.send({ body: { user_id: user.sub, event_id: "e1", service: "chat", cost: "0.5" } });
    await charged(user, "4.500000000000");
    expect(await from.outcomes(user, "e1")).toEqual(["applied"]);
  });

  test("that is sent again, in either form, is charged once", async () => {
    const [user, from] = [await newUser(), reporter()];
    const body = { user_id: user.sub, service: "chat", cost: "0.5" };
    await from.send({ headers: cloudEvent("e1"), body });
    await from.send({ headers: cloudEvent("e1", { "ce-time": new Date().toISOString() }), body });
    await from.send({ body: { ...body, event_id: "e1" } });
    await from.send({ body: { ...body, event_id: "e2" } });
    await becomeOf(from, user, "e2", "applied");
    await charged(user, "4.000000000000");
    expect(await user.ok(usageSummary)).toMatchObject({ total_events: 2 });
  });

  test("is its subject's: the same id of another reporter is another event", async () => {
    const [user, one, other] = [await newUser(), reporter(), reporter()];
    const body = { user_id: user.sub, event_id: "e1", service: "chat", cost: "0.5" };
    await one.send({ body });
    await other.send({ body: { ...body, cost: "0.75", source: other.source } });
    await charged(user, "3.750000000000");
    expect(await reporter().outcomes(user, "e1")).toEqual(["unknown"]);
  });

  test("of a service that also reports over REST is the same event", async () => {
    const [user, rest] = [await newUser(), await service()];
    const use = { user_id: user.sub, event_id: "e1", service: "chat", cost: "0.5" };
    const first = await rest.ok(trackUsage, use);
    const from = reporter(rest.sub);
    await from.send({ body: use });
    await from.send({ body: { ...use, event_id: "e2" } });
    await becomeOf(from, user, "e2", "applied");
    await charged(user, "4.000000000000");
    expect(await rest.ok(trackUsage, use)).toEqual(first);
  });
});

describe("a report that cannot be recorded", () => {
  // prettier-ignore
  const poison = [
    { why: "no JSON",                body: () => "\u0000\u0001 nonsense" },
    { why: "no object",              body: () => "[1]" },
    { why: "nobody's usage",         body: () => ({ event_id: "e", service: "chat", cost: 1 }) },
    { why: "no id",                  body: (user: string) => ({ user_id: user, service: "chat", cost: 1 }) },
    { why: "an unknown field",       body: (user: string) => ({ user_id: user, event_id: "e", service: "chat", cost: 1, colour: "red" }) },
    { why: "a bad amount",           body: (user: string) => ({ user_id: user, event_id: "e", service: "chat", cost: "1e3" }) },
    { why: "another's source",       body: (user: string) => ({ user_id: user, event_id: "e", service: "chat", cost: 1, source: "another" }) },
    { why: "36 days old",            body: (user: string) => ({ user_id: user, event_id: "e", service: "chat", cost: 1, occurred_at: new Date(Date.now() - 36 * DAY_MS).toISOString() }) },
    { why: "6 minutes ahead",        body: (user: string) => ({ user_id: user, event_id: "e", service: "chat", cost: 1, occurred_at: new Date(Date.now() + 360_000).toISOString() }) },
    { why: "of no price",            body: (user: string) => ({ user_id: user, event_id: "e", service: "chat", model: "unheard-of", tokens: 9 }) },
  ];

  test.each(poison)("($why) becomes a dead letter and blocks nobody", async ({ body }) => {
    const [user, from] = [await newUser(), reporter()];
    const sent = body(user.sub);
    await from.send({ body: sent });
    await from.send({ body: { user_id: user.sub, event_id: "good", service: "chat", cost: "0.5" } });
    await becomeOf(from, user, "good", "applied");
    await charged(user, "4.500000000000");
    const [letter] = await letterOf(from);
    expect(letter).toMatchObject({
      stream: "USAGE_REPORTS",
      body: typeof sent === "string" ? sent : JSON.stringify(sent),
    });
    expect(letter?.reason).not.toBe("");
  });

  test("is told to its reporter as dead, and stays one letter when he sends it again", async () => {
    const [user, from] = [await newUser(), reporter()];
    const bad = { user_id: user.sub, event_id: "bad", service: "chat", cost: "-1" };
    for (const event_id of ["bad", "bad", "bad"]) await from.send({ body: { ...bad, event_id } });
    await from.send({ body: { ...bad, event_id: "good", cost: "1" } });
    await becomeOf(from, user, "good", "applied");
    expect(await from.outcomes(user, "bad", "good", "never")).toEqual(["dead", "applied", "unknown"]);
    await letterOf(from);
  });

  test("for want of a price is charged once when it is driven again", async () => {
    const [user, from, model] = [await newUser(), reporter(), somebody("model")];
    const body = { user_id: user.sub, service: "chat", model, input_tokens: 1000 };
    await from.send({ headers: cloudEvent("e1"), body });
    const [letter] = await letterOf(from);
    const ids = [letter?.id ?? ""];
    expect(await bus.ask(redriveDeadLetters, { ids })).toMatchObject([{ id: ids[0], status: "refused" }]);

    await bus.ask(setPrice, { service: "chat", model, rates: [{ unit: "input_token", price: "0.001" }] }, ADMIN);
    expect(await bus.ask(redriveDeadLetters, { ids })).toEqual([{ id: ids[0], status: "recorded" }]);
    await charged(user, "3.850000000000");
    expect(await from.outcomes(user, "e1")).toEqual(["applied"]);
    expect(await lettersOf(from)).toEqual([]);
    expect(await bus.ask(redriveDeadLetters, { ids })).toEqual([{ id: ids[0], status: "unknown" }]);
    await from.send({ headers: cloudEvent("e1"), body });
    await from.send({ headers: cloudEvent("e2"), body });
    await becomeOf(from, user, "e2", "applied");
    await charged(user, "2.700000000000");
  });

  test("for its age is charged when it is driven again", async () => {
    const [user, from] = [await newUser(), reporter()];
    const time = new Date(Date.now() - 36 * DAY_MS).toISOString();
    await from.send({
      headers: cloudEvent("old", { "ce-time": time }),
      body: { user_id: user.sub, service: "chat", cost: "1" },
    });
    const [letter] = await letterOf(from);
    expect(await bus.ask(redriveDeadLetters, { ids: [letter?.id ?? ""] })).toMatchObject([{ status: "recorded" }]);
    await charged(user, "4.000000000000");
    const day = time.slice(0, 10);
    expect(await user.ok(usageSummary, { start_date: day, end_date: day })).toMatchObject({ total_events: 1 });
  });

  test("is not driven again by one who names what is not there", async () => {
    expect(await bus.ask(redriveDeadLetters, { ids: ["999999999"] })).toEqual([{ id: "999999999", status: "unknown" }]);
  });
});

test("the books balance after all of it", async () => {
  expect(await breaches()).toEqual([]);
});
