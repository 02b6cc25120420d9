import { expect, onTestFinished, test } from "vitest";
import { Fault } from "./fault.ts";
import { freePort } from "./local/ports.ts";
import { openLog } from "./log.ts";
import { askDuration, deadLetters, metricsText, outboxRows, timed } from "./metrics.ts";
import { openScrape } from "./scrape.ts";

const log = openLog("test", "silent");
const linesOf = async (name: string) => (await metricsText()).split("\n").filter((line) => line.startsWith(name));

test("a request is counted by its outcome, and what it throws is thrown on", async () => {
  await timed(askDuration, "test.timed", async () => 1);
  const refused = timed(askDuration, "test.timed", async () => {
    throw new Fault("not_found", "nothing is there");
  });
  await expect(refused).rejects.toThrow("nothing is there");
  await expect(timed(askDuration, "test.timed", () => Promise.reject(new Error("a bug")))).rejects.toThrow("a bug");
  expect(await linesOf('tollbooth_ask_duration_seconds_count{subject="test.timed"')).toEqual([
    'tollbooth_ask_duration_seconds_count{subject="test.timed",outcome="ok"} 1',
    'tollbooth_ask_duration_seconds_count{subject="test.timed",outcome="not_found"} 1',
    'tollbooth_ask_duration_seconds_count{subject="test.timed",outcome="internal"} 1',
  ]);
});

test("what cannot be read, or not in time, is not told and hides nothing else", async () => {
  const reading = { labels: { subject: "test.read" }, value: 3 };
  const ends = [
    deadLetters.watch(() => [reading]),
    deadLetters.watch(() => Promise.reject(new Error("the database is away"))),
    outboxRows.watch(() => new Promise<never>(() => {})),
  ];
  onTestFinished(() => ends.forEach((end) => end()));
  expect(await linesOf("tollbooth_dead_letters{")).toEqual(['tollbooth_dead_letters{subject="test.read"} 3']);
  expect(await linesOf("tollbooth_outbox_rows{")).toEqual([]);
});

test("what is not watched any more is not told", async () => {
  deadLetters.watch(() => [{ labels: { subject: "test.ended" }, value: 1 }])();
  expect(await linesOf("tollbooth_dead_letters{")).toEqual([]);
});

test("a port of its own serves the metrics and nothing else", async () => {
  const port = await freePort();
  onTestFinished(await openScrape({ host: "127.0.0.1", port, log }));
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
  ]);
  expect(await answer.text()).toContain("# TYPE tollbooth_batch_size histogram");
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
  await expect(openScrape({ host: "127.0.0.1", port, log })).rejects.toThrow(`no metrics on 127.0.0.1 port ${port}`);
});
