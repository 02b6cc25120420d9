import { expect, inject, test } from "vitest";
import { getBalance } from "@tollbooth/shared/contracts/credits";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { scrape } from "./harness/metrics.ts";
import { newUser, visit } from "./harness/person.ts";

const ports = inject("metricsPorts");
/** The services that read a stream. */
const CONSUMERS = ["credits", "usage"];

/** The value of a series, 0 where there is none. */
function valueOf(text: string, series: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}

test("the gateway counts requests by route, method and status, and questions by subject and outcome", async () => {
  const user = await newUser();
  const before = (await visit("/metrics")).text;
  await user.ok(getBalance);
  await user.refused(getBalance, { user_id: "somebody else" });
  const after = (await visit("/metrics")).text;
  const grown = (series: string) => valueOf(after, series) - valueOf(before, series);
  const http = (status: number) =>
    `http_server_request_duration_seconds_count{http_request_method="GET",http_route="/api/v1/credits/balance",http_response_status_code="${status}"}`;
  const asked = (outcome: string) =>
    `tollbooth_ask_duration_seconds_count{subject="credits.balance",outcome="${outcome}"}`;
  expect([grown(http(200)), grown(http(403)), grown(asked("ok")), grown(asked("forbidden"))]).toEqual([1, 1, 1, 1]);
  expect(valueOf(after, "process_resident_memory_bytes")).toBeGreaterThan(1_000_000);
});

test("a use can be followed through the services' metrics, and afterwards nothing waits", async () => {
  const user = await newUser();
  const [usageBefore, creditsBefore] = [await scrape(ports.usage), await scrape(ports.credits)];
  await user.ok(trackUsage, { service: "chat", cost: "0.01" });
  const usageSeries = [
    'tollbooth_answer_duration_seconds_count{subject="usage.track",outcome="ok"}',
    'tollbooth_batch_size_count{batch="usage.track"}',
    'tollbooth_relay_events_total{subject="usage.tracked",outcome="published"}',
  ];
  const creditsSeries = [
    'tollbooth_consumer_messages_total{consumer="credits",outcome="applied"}',
    'tollbooth_batch_size_count{batch="credits.posting"}',
  ];
  const haveGrown = async () => {
    const [usage, credits] = [await scrape(ports.usage), await scrape(ports.credits)];
    return (
      usageSeries.every((series) => valueOf(usage, series) > valueOf(usageBefore, series)) &&
      creditsSeries.every((series) => valueOf(credits, series) > valueOf(creditsBefore, series))
    );
  };
  expect(await until(haveGrown, 10_000)).toBe(true);
  const isQuiet = async () => {
    const text = await scrape(ports.usage);
    const rows = ["waiting", "published", "failed"].map((state) => `tollbooth_outbox_rows{state="${state}"}`);
    return rows.every((series) => text.includes(`${series} 0`));
  };
  expect(await until(isQuiet, 15_000)).toBe(true);
});

test.each(Object.entries(ports))("%s tells of its pool, its outbox and its streams", async (service, port) => {
  const text = await scrape(port);
  expect(text).toMatch(/^tollbooth_outbox_oldest_age_seconds\{state="waiting"\} \d/m);
  expect(text).toMatch(
    new RegExp(
      `^db_client_connection_count\\{db_client_connection_pool_name="${service}",db_client_connection_state="idle"\\} \\d`,
      "m",
    ),
  );
  expect(text).toContain("nodejs_eventloop_lag_seconds");
  if (CONSUMERS.includes(service))
    expect(text).toMatch(/^tollbooth_consumer_pending_messages\{consumer="\w+",state="pending"\} \d/m);
});
