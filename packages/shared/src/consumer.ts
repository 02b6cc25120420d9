/**
 * A durable consumer: messages in, each applied in a transaction of the service, acknowledged only after that. What cannot
 * be applied now comes again; what never can is buried as a dead letter and blocks nobody.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Consumer } from "nats";
import type { Bus } from "./bus.ts";
import { crashPoint } from "./crash.ts";
import { isTransient } from "./db.ts";
import { InHand } from "./in-hand.ts";
import type { Log } from "./log.ts";
import { Loop } from "./loop.ts";
import { consumed, consumerPending } from "./metrics.ts";
import { unpack } from "./parcel.ts";
import { pull, type Delivery, type Stream, type Streams } from "./streams.ts";
import { inSpan, markFailed, messaging, SpanKind, type Span } from "./telemetry.ts";

export interface ConsumerOptions {
  readonly bus: Bus;
  readonly streams: Streams;
  readonly stream: Stream;
  /** The subject to take, one a consumer. */
  readonly subject: string;
  readonly durable: string;
  /** Resolves when the event's effect is committed, or had been before. Called for many at once. */
  readonly apply: (message: Delivery) => Promise<void>;
  /** Keeps a message that can never be applied, with the reason. */
  readonly bury: (message: Delivery, reason: string) => Promise<void>;
  readonly log: Log;
  readonly onStall: (name: string) => void;
}

/** Messages asked for at a time: those of our services are parcels of many events. */
const PULL_MAX = 500;
const PULL_PARCELS_MAX = 16;
/** Events in hand from which on nothing more is asked for. */
const IN_HAND_MAX = 1_000;
/** The client throws away what comes later than a twentieth after this: half a second, longer than any batch keeps us busy. */
const PULL_EXPIRES_MS = 10_000;
const STALL_MS = 60_000;
const NAK_DELAY_MS = 1_000;

/** Consumes until closed; closing waits for what is in hand. */
export function consume(options: ConsumerOptions): { close: () => Promise<void> } {
  const { bus, stream, subject, durable, log, onStall } = options;
  const inHand = new InHand(IN_HAND_MAX);
  let consumer: Consumer | undefined;
  let pulling = new AbortController();
  /** Until when nothing is pulled, because something that everything needs is away. */
  let pausedUntilMs = 0;

  const take = async (message: Delivery): Promise<void> => {
    const done = await Promise.all(unpack(message).map((event) => inHand.hold(applyOne(options, event))));
    crashPoint("consumer.before-ack");
    if (done.every(Boolean)) return message.ack();
    // What of it was done is known by then, and not done again.
    pausedUntilMs = Date.now() + NAK_DELAY_MS;
    message.nak(Math.round(NAK_DELAY_MS * (0.5 + Math.random())));
  };

  const loop = new Loop({
    name: `consume ${subject}`,
    log,
    pauseMs: 0,
    stallMs: STALL_MS,
    onStall,
    round: async (signal) => {
      pulling = new AbortController();
      await untilMs(pausedUntilMs, signal);
      if (!(await inHand.hasRoom()) || signal.aborted) return;
      consumer ??= await options.streams.consumer(stream.name, durable);
      let received = 0;
      try {
        for await (const message of pull(consumer, pullMaxOf(stream), PULL_EXPIRES_MS, pulling.signal)) {
          received++;
          void inHand.hold(take(message));
        }
      } finally {
        // Nothing came, or it failed: the consumer may be gone with its stream. Look again before the next pull.
        if (received === 0) consumer = undefined;
      }
    },
  });
  bus.onReconnect(() => {
    consumer = undefined;
    // The broker knows nothing of what was asked for before.
    pulling.abort();
  });
  const unwatch = watchLag(options);

  return {
    close: async () => {
      unwatch();
      const closed = loop.close();
      pulling.abort();
      await closed;
      await inHand.ended();
    },
  };
}

function pullMaxOf({ confirmedBy }: Stream): number {
  return confirmedBy === undefined ? PULL_MAX : PULL_PARCELS_MAX;
}

/** Tells how far behind the consumer is; answers what ends it. */
function watchLag({ streams, stream, durable }: ConsumerOptions): () => void {
  return consumerPending.watch(async () => {
    const { pending, unacknowledged } = await streams.lag(stream.name, durable);
    return [
      { labels: { consumer: durable, state: "pending" }, value: pending },
      { labels: { consumer: durable, state: "unacknowledged" }, value: unacknowledged },
    ];
  });
}

/** Answers whether the event was dealt with. Never throws. */
function applyOne(options: ConsumerOptions, message: Delivery): Promise<boolean> {
  const { subject, durable, log } = options;
  const attributes = {
    ...messaging("process", "process", message.subject),
    "messaging.consumer.group.name": durable,
    "messaging.message.id": message.headers["ce-id"] ?? "",
  };
  const span = { kind: SpanKind.CONSUMER, parent: message.trace, linked: [message.trace], attributes };
  return inSpan(`process ${subject}`, span, async (current) => {
    try {
      const outcome = await applyOrBury(options, message, current);
      consumed.inc({ consumer: durable, outcome });
      return true;
    } catch (error) {
      markFailed(current, error);
      consumed.inc({ consumer: durable, outcome: "delayed" });
      log.warn({ err: error, stream: message.stream, seq: message.seq }, "a message waits");
      return false;
    }
  });
}

async function applyOrBury(options: ConsumerOptions, message: Delivery, span: Span): Promise<"applied" | "buried"> {
  const { stream, seq } = message;
  try {
    await options.apply(message);
    options.log.debug({ stream, seq }, "a message was applied");
    return "applied";
  } catch (error) {
    if (isTransient(error)) throw error;
    markFailed(span, error);
    options.log.error({ err: error, stream, seq }, "a message was buried");
    await options.bury(message, error instanceof Error ? error.message : String(error));
    return "buried";
  }
}

async function untilMs(atMs: number, signal: AbortSignal): Promise<void> {
  if (atMs > Date.now()) await delay(atMs - Date.now(), undefined, { signal }).catch(() => {});
}
