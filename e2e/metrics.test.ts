import { expect, inject, test } from "vitest";
import { createCoupon, redeemCoupon, validateCoupon } from "@tollbooth/shared/contracts/coupons";
import { explainTransaction, getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { createOpenRouterAccount, routeChat } from "@tollbooth/shared/contracts/openrouter";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { streams as allStreams } from "@tollbooth/shared/streams";
import { documentedMetrics, namesIn, OF_THE_PROCESS } from "../tools/src/testing/metrics-table.ts";
import { SERVICES, type Service } from "../tools/src/service.ts";
import { SERVICE, testBus } from "./harness/bus.ts";
import { scrape } from "./harness/metrics.ts";
import { newKey } from "./harness/openrouter.ts";
import { newUser, Person, somebody, visit } from "./harness/person.ts";

const { bus, streams } = await testBus();

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

test.each(Object.entries(ports))(
  "%s tells of its pool, and of its outbox and its streams where it has them",
  async (service, port) => {
    const text = await scrape(port);
    // It tells no facts.
    if (service !== "openrouter") expect(text).toMatch(/^tollbooth_outbox_oldest_age_seconds\{state="waiting"\} \d/m);
    expect(text).toMatch(
      new RegExp(
        `^db_client_connection_count\\{db_client_connection_pool_name="${service}",db_client_connection_state="idle"\\} \\d`,
        "m",
      ),
    );
    expect(text).toContain("nodejs_eventloop_lag_seconds");
    if (CONSUMERS.includes(service))
      expect(text).toMatch(/^tollbooth_consumer_pending_messages\{consumer="\w+",state="pending"\} \d/m);
  },
);

/** Told only when something is wrong. */
const OF_TROUBLE = new Set(["tollbooth_broker_errors_total", "tollbooth_dead_letters"]);

/** The samples that a process tells, but for those of itself: of each metric the labels of its samples. */
async function toldBy(service: Service): Promise<Map<string, Set<string>>> {
  const text = service === "gateway" ? (await visit("/metrics")).text : await scrape(ports[service]);
  const told = new Map<string, Set<string>>();
  for (const { groups } of text.matchAll(/^(?<sample>\w+)(?:\{(?<labels>.*)\})? (?<value>.+)$/gm)) {
    const { sample = "", labels = "", value } = groups ?? {};
    const name = namesIn(text).find((one) => sample.replace(one, "").match(/^(?:_bucket|_sum|_count|)$/)) ?? sample;
    // A counter without labels is 0 wherever nothing is counted.
    if (OF_THE_PROCESS.test(name) || (labels === "" && value === "0")) continue;
    const names = [...labels.matchAll(/(\w+)="/g)].map(([, label = ""]) => label).filter((label) => label !== "le");
    told.set(name, new Set([...(told.get(name) ?? []), ...names]));
  }
  return told;
}

test("each process tells the metrics that the runbook says of it, with their labels, and no other", async () => {
  const [user, root] = [await newUser(), await Person.of("root", ["admin"])];
  await user.ok(trackUsage, { service: "chat", cost: "0.01" });
  const report = JSON.stringify({ user_id: user.sub, event_id: somebody("event"), service: "chat", cost: "0.01" });
  await streams.publish(allStreams.usageReports.name, "usage.report.chat", somebody("message"), {}, report);
  const { code } = await root.ok(createCoupon, { coupon_type: "credit_bonus", value: "1" });
  await user.ok(redeemCoupon, { code });
  const charge = async () => (await user.ok(listTransactions, { transaction_type: "usage" }))[0]?.id;
  expect(await until(async () => (await charge()) !== undefined, 10_000)).toBe(true);
  await user.ok(explainTransaction, { id: (await charge()) ?? "" });
  await user.ok(createOpenRouterAccount, { api_key: newKey() });
  const chat = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "x" }], max_tokens: 5 };
  await bus.ask(routeChat, { user_id: user.sub, request_id: somebody("request"), chat }, SERVICE);
  for (let i = 0; i <= 10; i++) await user.ask(validateCoupon, { code: somebody("guess") });

  const documented = documentedMetrics().filter(({ name }) => !OF_TROUBLE.has(name));
  const isRare = ({ labels }: (typeof documented)[number]) => labels.length === 0;
  for (const service of SERVICES) {
    const own = documented.filter(({ whose }) => whose.includes(service));
    const wanted = own.filter((metric) => !isRare(metric)).map(({ name, labels }) => [name, ...labels.toSorted()]);
    const told = async () =>
      [...(await toldBy(service))]
        .filter(([name]) => !OF_TROUBLE.has(name) && !documented.some((one) => one.name === name && isRare(one)))
        .map(([name, labels]) => [name, ...[...labels].toSorted()]);
    const sorted = (rows: readonly string[][]) => rows.map(String).toSorted();
    await until(async () => String(sorted(await told())) === String(sorted(wanted)), 10_000);
    expect([service, sorted(await told())]).toEqual([service, sorted(wanted)]);
  }
});
