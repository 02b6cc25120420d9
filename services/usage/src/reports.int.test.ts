import { listDeadLetters, redriveDeadLetters } from "@tollbooth/shared/contracts/dead-letters";
import { trackUsage, usageEventOutcomes, usageSummary } from "@tollbooth/shared/contracts/usage";
import { setPrice } from "@tollbooth/shared/contracts/prices";
import { openBus } from "@tollbooth/shared/bus";
import { consume } from "@tollbooth/shared/consumer";
import { openLog } from "@tollbooth/shared/log";
import { sql } from "@tollbooth/shared/sql";
import { MESSAGE_MAX_BYTES, Streams, streams as allStreams } from "@tollbooth/shared/streams";
import { testNats } from "@tollbooth/shared/testing/nats";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { afterAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { buryReport } from "./dead-letters.ts";
import { applyReport } from "./report.ts";
import { admin, openUsage, plain, service } from "./testing/service.ts";

const [{ db }, nats] = await Promise.all([testDatabase("usage"), testNats()]);
const usage = await openUsage(db);
const log = openLog("test", "silent");
const bus = await openBus({ url: nats.url, name: "test", log });
const streams = new Streams(bus);
await streams.ensure(allStreams.usageReports);
await streams.ensureConsumer(allStreams.usageReports.name, "usage", allStreams.usageReports.subjects[0]);
const reports = consume({
  bus,
  streams,
  stream: allStreams.usageReports,
  subject: allStreams.usageReports.subjects[0],
  durable: "usage",
  apply: (message) => applyReport(usage.tracker, usage.newId, message),
  bury: (message, reason) => buryReport(db, message, reason),
  log,
  onStall: () => {},
});
afterAll(async () => {
  await reports.close();
  await bus.close();
});

let users = 0;
let messages = 0;
const someone = () => `user-${++users}`;
const gpt = { service: "openai", model: "gpt-4o", input_tokens: 1000, output_tokens: 100 };

/** Publishes as a reporter does; what the broker stores is not yet recorded. */
async function send(data: unknown, { source = "litellm", id = "", at = "" } = {}): Promise<void> {
  const headers = {
    ...(id && { "ce-id": id, "ce-source": source, "ce-type": "usage", "ce-specversion": "1.0" }),
    ...(at && { "ce-time": at }),
  };
  await streams.publish(
    "USAGE_REPORTS",
    `usage.report.${source}`,
    `m${++messages}`,
    headers,
    typeof data === "string" ? data : JSON.stringify(data),
  );
}
const outcome = async (userId: string, eventId: string, source = "litellm") =>
  (await usage.ask(usageEventOutcomes, { source, events: [{ user_id: userId, event_id: eventId }] }))[0]?.outcome;
const becomes = (what: string, userId: string, eventId: string) =>
  vi.waitFor(async () => expect(await outcome(userId, eventId)).toBe(what), { timeout: 10_000, interval: 20 });
const letters = () => usage.ask(listDeadLetters, { limit: 500 });
const events = async (userId: string) =>
  (await usage.ask(usageSummary, { start_date: "2000-01-01" }, plain(userId))).total_events;

describe("a report from the stream", () => {
  test("is recorded once, however often it is sent, in either form", async () => {
    const userId = someone();
    for (let i = 0; i < 5; i++) await send({ ...gpt, user_id: userId }, { id: "a" });
    for (let i = 0; i < 5; i++) await send({ ...gpt, user_id: userId, event_id: "b" });
    await becomes("applied", userId, "a");
    await becomes("applied", userId, "b");
    expect(await events(userId)).toBe(2);
  });

  test("keeps its own time, up to 35 days back as the stream stored it", async () => {
    const userId = someone();
    const back = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
    await send({ ...gpt, user_id: userId }, { id: "34", at: back(34) });
    await send({ ...gpt, user_id: userId }, { id: "36", at: back(36) });
    await becomes("applied", userId, "34");
    await becomes("dead", userId, "36");
    const { at } = await db.one(
      z.object({ at: z.number() }),
      sql`select occurred_at as at from usage_events where user_id = ${userId}`,
    );
    expect(Math.abs(at - Date.parse(back(34)))).toBeLessThan(60_000);
  });

  test("of one reporter is nothing to another", async () => {
    const userId = someone();
    await send({ ...gpt, user_id: userId }, { id: "same", source: "one" });
    await send({ ...gpt, user_id: userId }, { id: "same", source: "two" });
    await vi.waitFor(async () => expect(await events(userId)).toBe(2), { timeout: 10_000 });
  });

  test("with a foreign id is none of a user's own", async () => {
    const userId = someone();
    await usage.ask(trackUsage, { ...gpt, event_id: "taken" }, plain(userId));
    await send({ ...gpt, user_id: userId }, { id: "taken" });
    await becomes("applied", userId, "taken");
    expect(await events(userId)).toBe(2);
  });
});

describe("what cannot be recorded", () => {
  test("blocks nobody: poison between good reports is a dead letter, and the good are recorded", async () => {
    const userId = someone();
    const before = (await letters()).length;
    for (let i = 0; i < 20; i++) {
      await send({ ...gpt, user_id: userId }, { id: `good-${i}` });
      await send(i % 2 ? "no json" : { user_id: userId, strange: true, n: i });
    }
    await vi.waitFor(async () => expect(await events(userId)).toBe(20), { timeout: 10_000 });
    await vi.waitFor(async () => expect((await letters()).length - before).toBe(20), { timeout: 10_000 });
  });

  test("is kept once and its reporter learns that it is dead, however often he sends it", async () => {
    const userId = someone();
    for (let i = 0; i < 5; i++) await send({ ...gpt, user_id: userId, model: "not-priced-yet" }, { id: "dead" });
    await becomes("dead", userId, "dead");
    await send({ ...gpt, user_id: userId }, { id: "last" });
    await becomes("applied", userId, "last");
    const mine = (await letters()).filter((letter) => letter.body.includes(`"${userId}"`));
    expect(mine.map(({ reason, subject, stream }) => ({ reason, subject, stream }))).toEqual([
      {
        reason: "no price is known for openai not-priced-yet",
        subject: "usage.report.litellm",
        stream: "USAGE_REPORTS",
      },
    ]);
  });

  test("is recorded when it is driven again after a price was set, whatever its age; once", async () => {
    const userId = someone();
    await send(
      { ...gpt, user_id: userId, model: `late-${userId}`, occurred_at: "2026-01-01T00:00:00Z" },
      { id: "late" },
    );
    await becomes("dead", userId, "late");
    const letter = (await letters()).find(({ body }) => body.includes(`late-${userId}`));
    const id = letter?.id as string;
    expect(await usage.ask(redriveDeadLetters, { ids: [id, "999999999"] })).toEqual([
      { id, status: "refused", detail: `no price is known for openai late-${userId}` },
      { id: "999999999", status: "unknown" },
    ]);
    const rates = ["input_token", "output_token"].map((unit) => ({ unit: unit as "input_token", price: "0.001" }));
    await usage.ask(setPrice, { service: "openai", model: `late-${userId}`, rates }, admin);
    const driven = await Promise.all([1, 2, 3].map(() => usage.ask(redriveDeadLetters, { ids: [id] })));
    expect(
      driven
        .flat()
        .map(({ status }) => status)
        .toSorted(),
    ).toEqual(["recorded", "unknown", "unknown"]);
    expect([await outcome(userId, "late"), await events(userId)]).toEqual(["applied", 1]);
    expect((await letters()).some((each) => each.id === id)).toBe(false);
  });

  test("may be sent again by its reporter once it can be recorded; driving it afterwards records nothing", async () => {
    const userId = someone();
    const report = { ...gpt, user_id: userId, model: `again-${userId}` };
    await send(report, { id: "again" });
    await becomes("dead", userId, "again");
    await usage.ask(
      setPrice,
      {
        service: "openai",
        model: report.model,
        rates: [
          { unit: "input_token", price: "1" },
          { unit: "output_token", price: "1" },
        ],
      },
      admin,
    );
    await send(report, { id: "again" });
    await becomes("applied", userId, "again");
    const id = (await letters()).find(({ body }) => body.includes(report.model))?.id as string;
    expect((await usage.ask(redriveDeadLetters, { ids: [id] })).map(({ status }) => status)).toEqual(["duplicate"]);
    expect(await events(userId)).toBe(1);
  });

  test("because it differs from the first of its id leaves the first as it is", async () => {
    const userId = someone();
    await send({ ...gpt, user_id: userId }, { id: "one" });
    await becomes("applied", userId, "one");
    await send({ ...gpt, user_id: userId, input_tokens: 9 }, { id: "one" });
    await vi.waitFor(
      async () =>
        expect(
          (await letters()).some(
            ({ body, reason }) => body.includes(`"${userId}"`) && reason.includes("other content"),
          ),
        ).toBe(true),
      { timeout: 10_000 },
    );
    expect([await outcome(userId, "one"), await events(userId)]).toEqual(["applied", 1]);
  });
});

describe("a stranger's report", () => {
  test("larger than the stream takes is refused to its reporter, and blocks nobody", async () => {
    const userId = someone();
    const huge = { ...gpt, user_id: userId, metadata: { note: "x".repeat(MESSAGE_MAX_BYTES) } };
    await expect(send(huge, { id: "huge" })).rejects.toThrow("message size exceeds maximum allowed");
    await send({ ...gpt, user_id: userId }, { id: "good" });
    await becomes("applied", userId, "good");
    expect(await outcome(userId, "huge")).toBe("unknown");
  });

  test("may be many and long: they are told in pages that a message can carry, each once", async () => {
    const count = 60;
    // As JSON each of these bytes is six.
    for (let i = 0; i < count; i++) await send(`${"\u0001".repeat(60_000)}${i}`, { source: "flood" });
    const pages = async () => {
      const found: string[][] = [];
      for (let after: string | undefined = "0"; after !== undefined; after = found.at(-1)?.at(-1)) {
        const page: { id: string; subject: string }[] = await usage.ask(listDeadLetters, { after, limit: 500 });
        expect(JSON.stringify(page).length).toBeLessThan(16_000_000);
        if (page.length === 0) break;
        found.push(page.map(({ id }) => id));
      }
      return found;
    };
    const all = async () => (await pages()).flat().length;
    await vi.waitFor(async () => expect(await all()).toBeGreaterThanOrEqual(count), { timeout: 20_000 });
    const found = await pages();
    expect(found.length).toBeGreaterThan(1);
    expect(new Set(found.flat()).size).toBe(found.flat().length);
  });
});

test("only a service's own sources are asked about: 500 at most, in the order asked", async () => {
  const userId = someone();
  await usage.ask(trackUsage, { ...gpt, user_id: userId, event_id: "e250" }, service);
  const asked = Array.from({ length: 500 }, (_, i) => ({ user_id: userId, event_id: `e${i}` }));
  const told = await usage.ask(usageEventOutcomes, { source: "litellm", events: asked });
  expect(told.map(({ event_id }) => event_id)).toEqual(asked.map(({ event_id }) => event_id));
  expect(told.filter(({ outcome: what }) => what === "applied").map(({ event_id }) => event_id)).toEqual(["e250"]);
  expect(await usage.code(usageEventOutcomes, { source: "litellm", events: [...asked, asked[0]] })).toBe(
    "invalid_request",
  );
});
