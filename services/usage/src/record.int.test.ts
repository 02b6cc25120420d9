import { trackUsage, trackUsageBatch, usageEventOutcomes } from "@tollbooth/shared/contracts/usage";
import type { Db } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Reported } from "./event.ts";
import { openTracker } from "./tracker.ts";
import { admin, openUsage, plain, service } from "./testing/service.ts";

const { db } = await testDatabase("usage");
const usage = await openUsage(db);

let users = 0;
const someone = () => `user-${++users}`;
const count = async (userId: string) => {
  const row = z.object({
    ids: z.coerce.number(),
    events: z.coerce.number(),
    hours: z.coerce.number(),
    days: z.coerce.number(),
    facts: z.coerce.number(),
  });
  return db.one(
    row,
    sql`select (select count(*) from usage_event_ids where user_id = ${userId}) as ids,
          (select count(*) from usage_events where user_id = ${userId}) as events,
          (select coalesce(sum(event_count), 0) from usage_hours where user_id = ${userId}) as hours,
          (select coalesce(sum(event_count), 0) from usage_days where user_id = ${userId}) as days,
          (select count(*) from outbox where payload->>'user_id' = ${userId}) as facts`,
  );
};
const all = (n: number) => ({ ids: n, events: n, hours: n, days: n, facts: n });
const gpt = { service: "openai", model: "gpt-4o", input_tokens: 1000, output_tokens: 100 };
/** A report as the tracker gets it. */
function reported(userId: string): Reported {
  const id = usage.newId();
  return {
    id,
    userId,
    source: "test",
    eventId: id,
    report: gpt,
    hash: "h",
    occurredAt: Date.now(),
    receivedAt: Date.now(),
    trusted: true,
    anyAge: false,
    trace: {},
  };
}

describe("an event happens once", () => {
  test("300 parallel reports of 200 events record 200, and each repeat answers the first event", async () => {
    const userId = someone();
    const reports = Array.from({ length: 300 }, (_, i) => ({ ...gpt, user_id: userId, event_id: `e${i % 200}` }));
    const answers = await Promise.all(reports.map((report) => usage.text(trackUsage, report, service)));
    expect(await count(userId)).toEqual(all(200));
    expect(new Set(answers).size).toBe(200);
    for (let i = 200; i < 300; i++) expect(answers[i]).toBe(answers[i - 200]);
  });

  test("a batch that names an event twice records it once, and one that differs is a conflict", async () => {
    const userId = someone();
    const answers = await usage.ask(
      trackUsageBatch,
      {
        events: [
          { ...gpt, event_id: "a" },
          { ...gpt, event_id: "a" },
          { ...gpt, event_id: "a", input_tokens: 1001 },
          { ...gpt, event_id: "b" },
          { ...gpt, event_id: "b", service: "nobody" },
          { ...gpt },
          { ...gpt },
        ],
      },
      plain(userId),
    );
    expect(answers.map(({ status, problem }) => problem?.code ?? status)).toEqual([
      "recorded",
      "duplicate",
      "idempotency_conflict",
      "recorded",
      "idempotency_conflict",
      "recorded",
      "recorded",
    ]);
    expect(answers[0]?.event).toEqual(answers[1]?.event);
    expect(await count(userId)).toEqual(all(4));
  });

  test("two services, and a user himself, may use the same event id", async () => {
    const userId = someone();
    const report = { ...gpt, event_id: "same" };
    await usage.ask(trackUsage, report, plain(userId));
    await usage.ask(trackUsage, { ...report, user_id: userId }, service);
    await usage.ask(trackUsage, { ...report, user_id: userId }, { ...service, azp: "other" });
    await usage.ask(trackUsage, { ...report, user_id: userId, source: "third" }, admin);
    expect(await count(userId)).toEqual(all(4));
  });

  test("a repeat whose JSON is written another way is the same event", async () => {
    const userId = someone();
    const first = await usage.text(
      trackUsage,
      { ...gpt, event_id: "e", metadata: { a: 1, b: 2 }, cost: "1.50" },
      plain(userId),
    );
    expect(
      await usage.text(trackUsage, { event_id: "e", cost: 1.5, metadata: { b: 2, a: 1 }, ...gpt }, plain(userId)),
    ).toBe(first);
  });

  test("a repeat is answered even where it would be refused by now", async () => {
    const userId = someone();
    const report = { ...gpt, event_id: "old", occurred_at: new Date(Date.now() - 34 * 86_400_000).toISOString() };
    const first = await usage.text(trackUsage, report, plain(userId));
    usage.at(Date.now() + 2 * 86_400_000);
    const later = usage.text(trackUsage, report, plain(userId));
    const refused = usage.code(trackUsage, { ...report, event_id: "new" }, plain(userId));
    expect([await later, await refused]).toEqual([first, "invalid_request"]);
    usage.at();
  });

  test("a report that cannot be recorded leaves nothing behind", async () => {
    const userId = someone();
    expect(await usage.code(trackUsage, { ...gpt, model: "no-such-model" }, plain(userId))).toBe("unpriced_model");
    expect(
      await usage.code(
        trackUsage,
        { ...gpt, occurred_at: new Date(Date.now() + 301_000).toISOString() },
        plain(userId),
      ),
    ).toBe("invalid_request");
    expect(await count(userId)).toEqual(all(0));
  });
});

describe("whatever fails", () => {
  test("two replicas that get the same reports at once record each once", async () => {
    const userId = someone();
    const replicas = [usage, await openUsage(db)];
    const reports = Array.from({ length: 200 }, (_, i) => ({ ...gpt, user_id: userId, event_id: `e${i % 100}` }));
    const answers = await Promise.all(
      reports.flatMap((report) => replicas.map((replica) => replica.text(trackUsage, report, service))),
    );
    expect(new Set(answers).size).toBe(100);
    expect(await count(userId)).toEqual(all(100));
  });

  test("a transaction that is lost before its commit leaves nothing, and the repeat records", async () => {
    const userId = someone();
    let lost = 0;
    const losing: Db = {
      ...db,
      tx: (work) =>
        db.tx(async (tx) => {
          const result = await work(tx);
          if (lost++ === 0) throw Object.assign(new Error("terminating connection"), { code: "57P01" });
          return result;
        }),
    };
    const replica = openTracker(losing, usage.options, () => {});
    const submission = { reports: [reported(userId)], keyed: undefined };
    await expect(replica.one(submission)).rejects.toMatchObject({ code: "unavailable" });
    expect(await count(userId)).toEqual(all(0));
    await replica.one(submission);
    expect(await count(userId)).toEqual(all(1));
  });

  test("an answer that is lost after the commit is given again", async () => {
    const userId = someone();
    let answered = 0;
    const losing = openTracker(db, usage.options, () => {
      if (answered++ === 0) throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
    });
    const submission = { reports: [reported(userId)], keyed: undefined };
    await expect(losing.one(submission)).rejects.toThrow("socket hang up");
    expect(await count(userId)).toEqual(all(1));
    expect(JSON.parse((await losing.one(submission)).json)).toMatchObject({ user_id: userId });
    expect(await count(userId)).toEqual(all(1));
  });

  test("a bad report never fails the good ones that are recorded with it", async () => {
    const [good, bad] = [someone(), someone()];
    // A name that no door lets in and no database text can hold.
    const reports = [reported(good), { ...reported(bad), userId: "\0" }, reported(good)];
    const results = await Promise.allSettled(
      reports.map((report) => usage.tracker.one({ reports: [report], keyed: undefined })),
    );
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await count(good)).toEqual(all(2));
  });
});

describe("keys", () => {
  test("30 requests with one key give one effect and equal bytes", async () => {
    const userId = someone();
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => usage.text(trackUsage, gpt, plain(userId), "key")),
    );
    expect(new Set(answers).size).toBe(1);
    expect(await count(userId)).toEqual(all(1));
  });

  test("a key used for other content is a conflict and records nothing", async () => {
    const userId = someone();
    await usage.ask(trackUsage, gpt, plain(userId), "key");
    expect(await usage.code(trackUsage, { ...gpt, input_tokens: 1 }, plain(userId), "key")).toBe(
      "idempotency_conflict",
    );
    expect(await usage.code(trackUsageBatch, { events: [gpt] }, plain(userId), "key")).toBe("idempotency_conflict");
    expect(await count(userId)).toEqual(all(1));
  });

  test("one key for two requests at once lets one of them happen", async () => {
    const userId = someone();
    const codes = await Promise.all(
      [1, 2].map((n) => usage.code(trackUsage, { ...gpt, input_tokens: n }, plain(userId), "key")),
    );
    expect(codes.toSorted()).toEqual(["idempotency_conflict", "ok"]);
    expect(await count(userId)).toEqual(all(1));
  });

  test("a key whose first use was refused is free for the next", async () => {
    const userId = someone();
    const codes = await Promise.all(
      [{ ...gpt, model: "no-such-model" }, gpt].map((report) => usage.code(trackUsage, report, plain(userId), "key")),
    );
    expect(codes).toEqual(["unpriced_model", "ok"]);
    expect(await count(userId)).toEqual(all(1));
  });

  test("a batch under a key is recorded once, whole", async () => {
    const userId = someone();
    const events = Array.from({ length: 50 }, () => gpt);
    const answers = await Promise.all(
      [1, 2, 3].map(() => usage.text(trackUsageBatch, { events }, plain(userId), "key")),
    );
    expect(new Set(answers).size).toBe(1);
    expect(await count(userId)).toEqual(all(50));
  });
});

test("a reporter learns which of his events are recorded, and of nobody else's", async () => {
  const userId = someone();
  await usage.ask(trackUsage, { ...gpt, user_id: userId, event_id: "there" }, service);
  const ask = (source: string) =>
    usage.ask(usageEventOutcomes, {
      source,
      events: ["there", "not"].map((event_id) => ({ user_id: userId, event_id })),
    });
  expect((await ask("litellm")).map(({ outcome }) => outcome)).toEqual(["applied", "unknown"]);
  expect((await ask("other")).map(({ outcome }) => outcome)).toEqual(["unknown", "unknown"]);
});
