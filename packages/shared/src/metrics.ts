/**
 * What a process counts, for Prometheus. Like its traces they are the process's own, so that whoever counts needs nothing
 * but this file. The names follow OpenTelemetry's conventions where there is one. docs/OPERATIONS.md says what each means.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, register } from "prom-client";
import { Fault } from "./fault.ts";

/** Seconds, as OpenTelemetry advises for requests. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const ITEMS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
/** What is not read in this time is not told: a database that stands still must not hide all the rest. */
const READ_WITHIN_MS = 2_000;

export const httpDuration = new Histogram({
  name: "http_server_request_duration_seconds",
  help: "Requests over HTTP, from their first byte to the last of the answer",
  labelNames: ["http_request_method", "http_route", "http_response_status_code"],
  buckets: SECONDS,
});
export const askDuration = new Histogram({
  name: "tollbooth_ask_duration_seconds",
  help: "Requests to other services over the broker; outcome is ok or the code of the refusal",
  labelNames: ["subject", "outcome"],
  buckets: SECONDS,
});
export const answerDuration = new Histogram({
  name: "tollbooth_answer_duration_seconds",
  help: "Requests answered for others over the broker; outcome is ok or the code of the refusal",
  labelNames: ["subject", "outcome"],
  buckets: SECONDS,
});
export const batchSize = new Histogram({
  name: "tollbooth_batch_size",
  help: "Items done in one transaction",
  labelNames: ["batch"],
  buckets: ITEMS,
});
export const relayed = new Counter({
  name: "tollbooth_relay_events_total",
  help: "Facts of the outbox given to the broker; outcome is published, delayed or refused",
  labelNames: ["subject", "outcome"],
});
export const consumed = new Counter({
  name: "tollbooth_consumer_messages_total",
  help: "Messages taken from a stream; outcome is applied, delayed or buried",
  labelNames: ["consumer", "outcome"],
});
export const brokerErrors = new Counter({
  name: "tollbooth_broker_errors_total",
  help: "What the broker complained of to this process; code PERMISSIONS_VIOLATION is a right that it lacks",
  labelNames: ["code"],
});
export const rateLimited = new Counter({
  name: "tollbooth_rate_limited_total",
  help: "Requests refused because there were too many of one user, of one address, or of wrong guesses",
  labelNames: ["limit"],
});

export const metered = new Counter({
  name: "tollbooth_openrouter_requests_total",
  help: "Requests that OpenRouter was asked; outcome is how it ended, or the code of the refusal",
  labelNames: ["payer", "outcome"],
});
export const requestsLost = new Counter({
  name: "tollbooth_openrouter_lost_total",
  help: "Requests whose bill OpenRouter never told: nobody was charged for them",
});
export const freeBilled = new Counter({
  name: "tollbooth_openrouter_free_billed_total",
  help: "Requests that were shown as free and that OpenRouter billed: the platform's loss",
});

/** Measures a request: `work` is timed, and its outcome is `ok` or the code of what it throws. */
export async function timed<T>(duration: typeof askDuration, subject: string, work: () => Promise<T>): Promise<T> {
  const end = duration.startTimer({ subject });
  try {
    const result = await work();
    end({ outcome: "ok" });
    return result;
  } catch (thrown) {
    end({ outcome: Fault.from(thrown).code });
    throw thrown;
  }
}

/** One value of a gauge. */
export interface Reading {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

type Read = () => Promise<readonly Reading[]> | readonly Reading[];

/** A number that is read when somebody asks for it, at every place that is watched. */
export class Watched {
  readonly #reads = new Set<Read>();

  constructor(name: string, help: string, labelNames: readonly string[]) {
    const reads = this.#reads;
    const gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [],
      async collect() {
        this.reset();
        const all = await Promise.all([...reads].map(async (read) => within(read)));
        for (const { labels, value } of all.flat()) this.set({ ...labels }, value);
      },
    });
    register.registerMetric(gauge);
  }

  /** Reads here too from now on; answers what ends it. */
  watch(read: Read): () => void {
    this.#reads.add(read);
    return () => void this.#reads.delete(read);
  }
}

export const outboxRows = new Watched(
  "tollbooth_outbox_rows",
  "Facts in the outbox: waiting for the broker, published and not confirmed, or failed for good",
  ["state"],
);
export const outboxAge = new Watched(
  "tollbooth_outbox_oldest_age_seconds",
  "How long the oldest fact of a state has been in it; 0 where there is none",
  ["state"],
);
export const deadLetters = new Watched("tollbooth_dead_letters", "Messages that could not be applied and wait", [
  "subject",
]);
export const consumerPending = new Watched(
  "tollbooth_consumer_pending_messages",
  "Messages of a stream that a consumer was not given yet, or has not acknowledged",
  ["consumer", "state"],
);
export const requestsInHand = new Watched(
  "tollbooth_requests_in_hand",
  "Requests that wait for an answer of a service: in the gateway those it has asked, in the service those it was asked",
  ["service"],
);
export const batchWaiting = new Watched("tollbooth_batch_waiting", "Items that wait for their batch to begin", [
  "batch",
]);
export const poolConnections = new Watched(
  "db_client_connection_count",
  "Connections of a pool to its database: idle or used",
  ["db_client_connection_pool_name", "db_client_connection_state"],
);
export const poolWaiting = new Watched(
  "db_client_connection_pending_requests",
  "Transactions that wait for a connection of the pool",
  ["db_client_connection_pool_name"],
);

/** The media type of what `metricsText` answers. */
export const METRICS_TYPE = register.contentType;

/** All that this process counts, in Prometheus' text format. */
export function metricsText(): Promise<string> {
  return register.metrics();
}

/** The event loop's lag is looked at so often. A hundred times a second, as it is by default, was a third of what an idle service did. */
const LAG_EVERY_MS = 100;

/** Counts the process itself too: processor, memory, event loop, garbage collection. Call it once. */
export function countProcess(): void {
  collectDefaultMetrics({ eventLoopMonitoringPrecision: LAG_EVERY_MS });
}

async function within(read: Read): Promise<readonly Reading[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Reading[]>((resolve) => {
    timer = setTimeout(resolve, READ_WITHIN_MS, []);
  });
  try {
    return await Promise.race([read(), late]);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}
