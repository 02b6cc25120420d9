/**
 * Usage reported over the broker, from a process of its own: CloudEvents on `usage.report.<source>`, so many published at a
 * time, at the pace that it is asked for. Prints what became of them as JSON, once all are deducted; of a backlog, once
 * the broker has them.
 */
import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { openBus } from "@tollbooth/shared/bus";
import { openLog } from "@tollbooth/shared/log";
import { Streams, streams } from "@tollbooth/shared/streams";
import { Applied } from "./applied.ts";
import { Lag } from "./lag.ts";
import { quantile, rounded } from "./numbers.ts";
import { SOURCE, type Reported, type ReportOrder } from "./reporting.ts";

const AT_ONCE = 100;
const APPLIED_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 20;
/** Every tenth event is one of a tenth of the users, who are followed: as busy as the others. */
const FOLLOWED = 10;
/** Until caches are filled and batches have their size. */
const WARM_UP_S = 2;

/** Costs that are given, and costs that the platform finds by its prices. */
const USES = [
  { service: "openrouter", model: "openai/gpt-4o-mini", input_tokens: 1020, output_tokens: 129 },
  { service: "openrouter", model: "anthropic/claude-3.5-haiku", input_tokens: 2735, output_tokens: 424 },
  { service: "openai", model: "gpt-4o-mini", input_tokens: 1020, cached_tokens: 512, output_tokens: 129 },
  { service: "search", cost: "0.001" },
  { service: "speech", model: "whisper", quantity: "12.5", unit: "second", provider_cost: "0.00125" },
];

const order = JSON.parse(process.argv[2] ?? "") as ReportOrder;
const { pace, userIds } = order;
const followed = userIds.slice(0, userIds.length / FOLLOWED);
const others = userIds.slice(followed.length);

const bus = await openBus({
  url: order.natsUrl,
  keys: order.natsKeys,
  name: `reporter-${SOURCE}`,
  log: openLog("bench", "silent"),
});
const broker = new Streams(bus);
const applied = await Applied.open(order.creditsUrl);
const lag = new Lag(applied, followed);
let begun = 0;
let deducted = 0;
try {
  console.log(JSON.stringify(await report()));
} finally {
  await Promise.all([bus.close(), applied.close()]);
}

async function report(): Promise<Reported> {
  const beginMs = performance.now();
  const watching = new AbortController();
  const watched = watch(watching.signal);
  const rate = appliedPerSecond();
  // What fails below fails all of it, and is what shall be read.
  for (const beside of [watched, rate]) beside.catch(() => {});
  await Promise.all(Array.from({ length: AT_ONCE }, () => publishOn(beginMs)));
  const sentPerSecond = begun / ((performance.now() - beginMs) / 1000);
  if (pace.kind !== "backlog") await applied.reach(begun, APPLIED_WITHIN_MS);
  watching.abort();
  await watched;
  const lags = await lag.close(beginMs + WARM_UP_S * 1000);
  return {
    sent: begun,
    sentPerSecond: rounded(sentPerSecond),
    appliedPerSecond: rounded(await rate),
    lag: {
      samples: lags.length,
      p50Ms: rounded(quantile(lags, 0.5), 1),
      p99Ms: rounded(quantile(lags, 0.99), 1),
    },
  };
}

/** One of those that publish at once: the next event, when it is its turn, until there are no more. */
async function publishOn(beginMs: number): Promise<void> {
  while (hasMore(beginMs)) {
    const n = begun++;
    if (pace.kind === "paced") await until(beginMs + (n / pace.perSecond) * 1000);
    if (pace.kind === "bounded") while (n - deducted >= pace.backlogMax) await pause(LOOK_EVERY_MS);
    await publish(n);
  }
}

function hasMore(beginMs: number): boolean {
  if (pace.kind === "backlog") return begun < pace.count;
  return performance.now() - beginMs < (WARM_UP_S + pace.seconds) * 1000;
}

async function until(atMs: number): Promise<void> {
  const leftMs = atMs - performance.now();
  if (leftMs > 0) await pause(leftMs);
}

async function publish(n: number): Promise<void> {
  const id = randomUUID();
  const isFollowed = n % FOLLOWED === 0;
  const userId = isFollowed ? followed[(n / FOLLOWED) % followed.length] : others[randomInt(others.length)];
  const headers = {
    "ce-specversion": "1.0",
    "ce-type": "usage.reported",
    "ce-source": SOURCE,
    "ce-id": id,
    "ce-time": new Date().toISOString(),
    "Content-Type": "application/json",
  };
  const body = JSON.stringify({ ...USES[n % USES.length], user_id: userId });
  if (isFollowed) lag.published(userId ?? "");
  await broker.publish(streams.usageReports.name, `usage.report.${SOURCE}`, id, headers, body);
}

async function watch(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    deducted = await applied.count();
    await pause(LOOK_EVERY_MS);
  }
}

/** Of the whole time after the warm-up. */
async function appliedPerSecond(): Promise<number> {
  if (pace.kind === "backlog") return 0;
  await pause(WARM_UP_S * 1000);
  const [before, beginMs] = [await applied.count(), performance.now()];
  await pause(pace.seconds * 1000);
  return ((await applied.count()) - before) / ((performance.now() - beginMs) / 1000);
}
