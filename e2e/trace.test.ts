import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { getBalance } from "@tollbooth/shared/contracts/credits";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { freePort } from "@tollbooth/shared/local/ports";
import { Streams, streams as allStreams } from "@tollbooth/shared/streams";
import { signToken } from "../tools/src/jwt.ts";
import { readKept } from "../tools/src/kept.ts";
import { SERVICES, type Service } from "../tools/src/service.ts";
import { testBus } from "./harness/bus.ts";
import { passOn, startCollector, type Span } from "./harness/collector.ts";
import { scrape } from "./harness/metrics.ts";
import { Person, somebody, visit } from "./harness/person.ts";
import { openPlatform } from "./harness/platform.ts";
import { startTool } from "./harness/start.ts";

const collector = await startCollector();
const metricsPorts = [await freePort(), await freePort(), await freePort(), await freePort()] as const;
const own = await openPlatform("trace", {
  USAGE_METRICS_PORT: String(metricsPorts[0]),
  CREDITS_METRICS_PORT: String(metricsPorts[1]),
  COUPONS_METRICS_PORT: String(metricsPorts[2]),
  OPENROUTER_METRICS_PORT: String(metricsPorts[3]),
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_BSP_SCHEDULE_DELAY: "100",
  LOG_LEVEL: "debug",
});
afterAll(async () => {
  await own.close();
  await collector.close();
});
const { bus } = await testBus(own.reach);
const WITHIN_MS = 10_000;
/** Those that a use passes. */
const PASSED = ["gateway", "usage", "credits"] as const;

/** The span of whoever calls us. */
const CALLER = "00f067aa0ba902b7";

function newTrace(): { id: string; traceparent: string } {
  const id = crypto.randomUUID().replaceAll("-", "");
  return { id, traceparent: `00-${id}-${CALLER}-01` };
}

/** The spans of a trace, when that of the charge has come, with what it did and all that led to it. */
async function spansOf(traceId: string): Promise<Span[]> {
  const found = () => collector.spans.filter((span) => span.traceId === traceId);
  const isWhole = () => {
    const spans = found();
    const known = new Set([undefined, CALLER, ...spans.map(({ spanId }) => spanId)]);
    const last = named(spans, "process usage.tracked");
    if (last === undefined || !spans.every(({ parentId }) => known.has(parentId))) return false;
    return spans.some(({ parentId }) => parentId === last.spanId);
  };
  await until(isWhole, WITHIN_MS);
  return found();
}

/** A trace as an indented list; the statements of one span are one line. */
function outline(spans: readonly Span[], parents: readonly (string | undefined)[], depth = 0): string[] {
  const children = spans.filter(({ parentId }) => parents.includes(parentId));
  const lines = children.flatMap((span) => {
    const name = span.name.startsWith("sql ") ? "sql" : span.name;
    return [`${"  ".repeat(depth)}${span.service} ${span.kind} ${name}`, ...outline(spans, [span.spanId], depth + 1)];
  });
  return lines.filter((line, i) => line !== lines[i - 1]);
}

function named(spans: readonly Span[], name: string): Span | undefined {
  return spans.find((span) => span.name === name);
}

async function logOf(service: Service): Promise<string> {
  return readFile(join(own.reach.folder, "logs", `${service}.log`), "utf8");
}

describe("the walk of POST /usage/track", () => {
  const { id, traceparent } = newTrace();
  let spans: Span[];

  beforeAll(async () => {
    const user = await Person.of(somebody(), ["user"], own.reach);
    await user.ok(trackUsage, { service: "chat", cost: "1", event_id: "traced" }, { traceparent });
    spans = await spansOf(id);
  });

  test("is one trace, from the caller's span through HTTP, request and reply, SQL, publish and the consumer", () => {
    expect(outline(spans, [CALLER])).toEqual([
      "gateway server POST /api/v1/credits/usage/track",
      "  gateway client ask usage.track",
      "    usage server answer usage.track",
      "      usage client sql",
      "      usage producer publish usage.tracked",
      "        credits consumer process usage.tracked",
      "          credits client sql",
    ]);
    expect(spans.filter(({ failed }) => failed)).toEqual([]);
  });

  test("links the consumer to the producer", () => {
    const [producer, consumer] = [named(spans, "publish usage.tracked"), named(spans, "process usage.tracked")];
    expect(consumer?.links).toEqual([producer?.spanId]);
  });

  test("speaks in the words of OpenTelemetry's conventions", () => {
    const messaging = { "messaging.system": "nats" };
    // But for url.path: paths may hold what is secret.
    expect(named(spans, "POST /api/v1/credits/usage/track")?.attributes).toEqual({
      "http.request.method": "POST",
      "http.route": "/api/v1/credits/usage/track",
      "http.response.status_code": 200,
      "url.scheme": "http",
    });
    const question = { ...messaging, "messaging.destination.name": "usage.track" };
    expect(named(spans, "ask usage.track")?.attributes).toEqual({
      ...question,
      "messaging.operation.name": "ask",
      "messaging.operation.type": "send",
    });
    expect(named(spans, "answer usage.track")?.attributes).toEqual({
      ...question,
      "messaging.operation.name": "answer",
      "messaging.operation.type": "process",
    });
    const message = {
      ...messaging,
      "messaging.destination.name": "usage.tracked",
      "messaging.message.id": expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    };
    expect(named(spans, "publish usage.tracked")?.attributes).toEqual({
      ...message,
      "messaging.operation.name": "publish",
      "messaging.operation.type": "send",
    });
    expect(named(spans, "process usage.tracked")?.attributes).toEqual({
      ...message,
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.consumer.group.name": "credits",
    });
    for (const { attributes, name } of spans.filter((span) => span.name.startsWith("sql ")))
      expect([name, attributes]).toEqual([
        name,
        {
          "db.system.name": "postgresql",
          "db.operation.name": name.slice("sql ".length),
          "db.query.text": expect.stringContaining(name.slice("sql ".length)) as string,
        },
      ]);
  });

  test("is in the log of every service under the trace's id", async () => {
    for (const service of PASSED) {
      const lines = (await logOf(service)).split("\n").filter((line) => line.includes(id));
      expect([service, lines.length > 0]).toEqual([service, true]);
      for (const line of lines) expect(JSON.parse(line)).toMatchObject({ service, trace_id: id });
    }
  });
});

test("npm run trace prints a request as a tree, with where its time went", async () => {
  const { id, traceparent } = newTrace();
  const user = await Person.of(somebody(), ["user"], own.reach);
  await user.ok(trackUsage, { service: "chat", cost: "1" }, { traceparent });
  await spansOf(id);
  const port = await freePort();
  const trace = startTool("trace", ["--port", String(port)], {});
  const url = `http://127.0.0.1:${port}`;
  expect(await until(() => trace.said().includes(`Receiving spans at ${url}`), WITHIN_MS)).toBe(true);
  for (const body of collector.received.filter((text) => text.includes(id))) expect(await passOn(url, body)).toBe(200);
  expect(await passOn(url, "nonsense")).toBe(400);
  trace.process.kill("SIGINT");
  expect(await trace.ended).toBe(0);
  const told = trace.said().split(`trace ${id}\n`)[1]?.split("\n\n")[0]?.trimEnd().split("\n") ?? [];
  const tree = told.map((line) => / {2}( *\w+: (?:sql|.*))/.exec(line.replace(/sql .*/, "sql"))?.[1]);
  expect(tree.filter((line, i) => line !== tree[i - 1])).toEqual([
    "gateway: POST /api/v1/credits/usage/track",
    "  gateway: ask usage.track",
    "    usage: answer usage.track",
    "      usage: sql",
    "      usage: publish usage.tracked",
    "        credits: process usage.tracked",
    "          credits: sql",
  ]);
  for (const line of told) expect(line).toMatch(/^ *\d+\.\d +\d+\.\d {2}/);
});

test("a request without a trace begins one", async () => {
  const user = await Person.of(somebody(), ["user"], own.reach);
  const before = new Set(collector.spans);
  await user.ok(trackUsage, { service: "chat", cost: "1" });
  const root = () =>
    collector.spans.find((span) => !before.has(span) && span.name === "POST /api/v1/credits/usage/track");
  expect(await until(() => root() !== undefined, WITHIN_MS)).toBe(true);
  expect(root()?.parentId).toBeUndefined();
  const spans = await spansOf(root()?.traceId ?? "");
  expect(outline(spans, [undefined])).toHaveLength(7);
});

test("a report on the stream goes on in its reporter's trace", async () => {
  const [{ id, traceparent }, source] = [newTrace(), somebody("reporter")];
  const body = JSON.stringify({ user_id: somebody(), event_id: "e1", service: "chat", cost: "1" });
  const { name } = allStreams.usageReports;
  await new Streams(bus).publish(name, `usage.report.${source}`, somebody("message"), { traceparent }, body);
  const spans = await spansOf(id);
  expect(outline(spans, [CALLER])).toEqual([
    "usage consumer process usage.report.*",
    "  usage client sql",
    "  usage producer publish usage.tracked",
    "    credits consumer process usage.tracked",
    "      credits client sql",
  ]);
  expect(named(spans, "process usage.report.*")?.attributes["messaging.destination.name"]).toBe(
    `usage.report.${source}`,
  );
});

test("a refusal carries the trace's id to the caller and into the log, and is no failure", async () => {
  const { id, traceparent } = newTrace();
  const user = await Person.of(somebody(), ["user"], own.reach);
  const problem = await user.refused(trackUsage, { service: "chat", model: "unheard-of", tokens: 1 }, { traceparent });
  expect(problem).toMatchObject({ code: "unpriced_model", trace_id: id });
  const isLogged = async () =>
    (await logOf("usage")).split("\n").some((line) => line.includes(id) && line.includes("unpriced_model"));
  expect(await until(isLogged, WITHIN_MS)).toBe(true);
  const spans = () => collector.spans.filter((span) => span.traceId === id);
  expect(await until(() => named(spans(), "POST /api/v1/credits/usage/track") !== undefined, WITHIN_MS)).toBe(true);
  expect(spans().filter(({ failed }) => failed)).toEqual([]);
});

test("a message that is buried is in the log under its reporter's trace", async () => {
  const { id, traceparent } = newTrace();
  const { name } = allStreams.usageReports;
  await new Streams(bus).publish(name, "usage.report.poison", somebody("message"), { traceparent }, "poison");
  const isLogged = async () =>
    (await logOf("usage")).split("\n").some((line) => line.includes(id) && line.includes("a message was buried"));
  expect(await until(isLogged, WITHIN_MS)).toBe(true);
});

test("no token, key or password is in any span, log or metric", async () => {
  const key = `sk-or-v1-${"c0ffee".repeat(10)}`;
  const token = await signToken(own.reach.signing, somebody(), ["user"], 600);
  const foreign = await signToken({ ...own.reach.signing, secret: "another".repeat(8) }, somebody(), ["user"], 600);
  const user = Person.with(`Bearer ${token}`, "", own.reach);
  await user.ok(trackUsage, { service: "chat", cost: "1", metadata: { key } });
  await user.refused(trackUsage, { service: "chat", cost: "1", [key]: key });
  await user.refused(trackUsage, { service: "chat", model: key, tokens: 1 });
  await user.refused(trackUsage, { service: "chat", cost: "1" }, { "idempotency-key": key.repeat(9) });
  await user.send("GET", `/balance?api_key=${key}`);
  await user.send("GET", `/${key}`);
  await Person.with(`Bearer ${foreign}`, "", own.reach).refused(getBalance);
  const { name } = allStreams.usageReports;
  await new Streams(bus).publish(name, "usage.report.poison", somebody("message"), {}, `{"${key}": 1}`);
  const { id, traceparent } = newTrace();
  await user.ok(trackUsage, { service: "chat", cost: "1" }, { traceparent });
  await spansOf(id);

  const kept = await readKept(own.reach.folder);
  const secrets = { key, token, foreign, jwt: own.reach.signing.secret, ...kept?.passwords };
  expect(Object.values(secrets).filter((secret) => secret.length < 20)).toEqual([]);
  expect(kept?.passwords.credits).toBeDefined();
  const metrics = [(await visit("/metrics", own.reach)).text, ...(await Promise.all(metricsPorts.map(scrape)))];
  for (const text of metrics) expect(text).toContain("tollbooth_");
  const said = [...collector.received, ...metrics, ...(await Promise.all(SERVICES.map(logOf)))].join("\n");
  expect(said).toContain("invalid_request");
  expect(Object.entries(secrets).filter(([, secret]) => said.includes(secret))).toEqual([]);
});
