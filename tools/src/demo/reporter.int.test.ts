import { afterAll, expect, test } from "vitest";
import { openBus } from "@tollbooth/shared/bus";
import { usageEventOutcomes } from "@tollbooth/shared/contracts/usage";
import { handle } from "@tollbooth/shared/handler";
import { until } from "@tollbooth/shared/local/condition";
import { openLog } from "@tollbooth/shared/log";
import { pull, Streams, streams as all, type Delivery } from "@tollbooth/shared/streams";
import { testNats } from "@tollbooth/shared/testing/nats";
import { Reporter } from "./reporter.ts";

const WITHIN_MS = 10_000;
const SOON_MS = 50;

const nats = await testNats();
const bus = await openBus({ url: nats.url, name: "test", log: openLog("test", "silent") });
afterAll(async () => bus.close());
const streams = new Streams(bus);
await streams.ensure(all.usageReports);

/** What the platform says of events; of others it knows nothing. */
const outcomes = new Map<string, "applied" | "dead">();
await bus.serve("usage", [
  handle(usageEventOutcomes, async ({ events }) =>
    events.map(({ event_id }) => ({ event_id, outcome: outcomes.get(event_id) ?? "unknown" })),
  ),
]);
// The broker has to know of the answering side before the first question.
await bus.connection.flush();

function reporterOf(source: string) {
  let recorded = 0;
  const reporter = new Reporter({ bus, source, onRecorded: () => recorded++, againAfterMs: SOON_MS });
  return { reporter, recorded: () => recorded };
}

/** The messages of a source that the stream keeps. */
async function messagesOf(source: string, count: number): Promise<Delivery[]> {
  await streams.ensureConsumer(all.usageReports.name, `test-${source}`, `usage.report.${source}`);
  const consumer = await streams.consumer(all.usageReports.name, `test-${source}`);
  const found: Delivery[] = [];
  for await (const message of pull(consumer, count, WITHIN_MS, AbortSignal.timeout(WITHIN_MS))) found.push(message);
  return found;
}

const usage = (id: string) => ({
  id,
  userId: "ada",
  atMs: Date.parse("2026-03-01T12:00:00Z"),
  told: { service: "openrouter", model: "openai/gpt-4o-mini", input_tokens: 7 },
});

test("an event is sent again, as the same event, until the platform knows it", async () => {
  const { reporter, recorded } = reporterOf("again");
  await reporter.report(usage("again 1"), WITHIN_MS);
  const messages = await messagesOf("again", 3);
  expect(messages.map(({ headers }) => headers["ce-id"])).toEqual(["again%201", "again%201", "again%201"]);
  expect(messages.map(({ data }) => Buffer.from(data).toString("utf8"))).toEqual(
    messages.map(() => '{"service":"openrouter","model":"openai/gpt-4o-mini","input_tokens":7,"user_id":"ada"}'),
  );
  expect(recorded()).toBe(0);

  outcomes.set("again 1", "applied");
  await reporter.settled(WITHIN_MS);
  expect(recorded()).toBe(1);
  expect(reporter.sentAgain).toBeGreaterThanOrEqual(2);
  await reporter.close();
});

test("an event that the platform knows is let go and not sent again", async () => {
  outcomes.set("once", "applied");
  const { reporter, recorded } = reporterOf("once");
  await reporter.report(usage("once"), WITHIN_MS);
  await reporter.settled(WITHIN_MS);
  expect([recorded(), reporter.sentAgain, reporter.refused.length]).toEqual([1, 0, 0]);
  expect(await messagesOf("once", 1)).toHaveLength(1);
  await reporter.close();
});

test("an event that the platform will never record is told as refused", async () => {
  outcomes.set("bad", "dead");
  const { reporter } = reporterOf("refused");
  await reporter.report(usage("bad"), WITHIN_MS);
  await reporter.settled(WITHIN_MS);
  expect(reporter.refused).toEqual(["bad"]);
  await reporter.close();
});

test("a platform that confirms nothing is told after the time given", async () => {
  const { reporter } = reporterOf("silence");
  await reporter.report(usage("never"), WITHIN_MS);
  await expect(reporter.settled(SOON_MS)).rejects.toThrow("1 events of silence were not confirmed within 0.05 s");
  expect(await until(() => reporter.sentAgain > 0, WITHIN_MS)).toBe(true);
  await reporter.close();
});
