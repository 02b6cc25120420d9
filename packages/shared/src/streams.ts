/** The broker's streams as data, and the few JetStream words that the relay, the confirmer and the consumers need. */
import {
  AckPolicy,
  DiscardPolicy,
  ErrorCode,
  headers as natsHeaders,
  NatsError,
  nanos,
  RetentionPolicy,
  StorageType,
  type Consumer,
  type JetStreamManager,
  type JsMsg,
  type StreamConfig,
} from "nats";
import type { Bus } from "./bus.ts";
import { traceOf } from "./wire.ts";
import type { Command } from "./contract.ts";
import { couponRedeemed } from "./contracts/coupons.ts";
import { creditsEventOutcomes, creditsGranted, creditsLow, creditsOverdrawn } from "./contracts/credits.ts";
import { usageReported, usageTracked } from "./contracts/usage.ts";
import type { TraceHeaders } from "./telemetry.ts";

export interface Stream {
  readonly name: string;
  readonly subjects: readonly [string, ...string[]];
  /**
   * Who confirms that an event was applied, and how he is asked. Without it the stream carries notices: done at the
   * broker's ack, may be lost, no money hangs on them.
   */
  readonly confirmedBy?: { readonly durable: string; readonly outcomes: Command };
  /**
   * Nobody but the broker has what it carries: it goes when its one reader has taken it, and where too much waits more is
   * refused. Of other streams the oldest makes room, and what was not taken yet is sent again out of its outbox.
   */
  readonly isOnlyCopy?: true;
}

/** Never a wildcard over a service's own words: a stream over `usage.>` would answer requests with its own ack. */
export const streams = {
  usageReports: { name: "USAGE_REPORTS", subjects: [usageReported.subject], isOnlyCopy: true },
  usage: {
    name: "USAGE",
    subjects: [usageTracked.subject],
    confirmedBy: { durable: "credits", outcomes: creditsEventOutcomes },
  },
  coupons: {
    name: "COUPONS",
    subjects: [couponRedeemed.subject],
    confirmedBy: { durable: "credits-coupons", outcomes: creditsEventOutcomes },
  },
  credits: { name: "CREDITS", subjects: [creditsGranted.subject, creditsOverdrawn.subject, creditsLow.subject] },
} satisfies Record<string, Stream>;

const DAY_MS = 86_400_000;
const PUBLISH_TIMEOUT_MS = 5_000;
export const MESSAGE_MAX_BYTES = 65_536;
const ACK_WAIT_MS = 10_000;
const ACK_PENDING_MAX = 1_000;

/** A message as a consumer gets it. */
export interface Delivery {
  readonly stream: string;
  readonly seq: number;
  /** When the stream stored it. */
  readonly storedAtMs: number;
  readonly subject: string;
  readonly data: Uint8Array;
  /** The JSON value that it is. Throws where it is none. */
  json(): unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly trace: TraceHeaders;
  ack(): void;
  /** Asks for it again after a while. */
  nak(delayMs: number): void;
}

export interface Published {
  readonly seq: number;
  readonly duplicate: boolean;
}

export class Streams {
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /**
   * Makes a stream as it should be, or changes it to that. Safe to repeat. Of a cluster so many brokers keep it as
   * `replicas` says; without it, as many as have done so, and of a new one one.
   */
  async ensure({ name, subjects, isOnlyCopy }: Stream, replicas?: number): Promise<void> {
    const discard = isOnlyCopy ? DiscardPolicy.New : DiscardPolicy.Old;
    const config: Partial<StreamConfig> & { name: string } = {
      name,
      subjects: [...subjects],
      storage: StorageType.File,
      retention: isOnlyCopy ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
      discard,
      max_age: nanos(30 * DAY_MS),
      max_bytes: 1024 ** 3,
      max_msg_size: MESSAGE_MAX_BYTES,
      duplicate_window: nanos(120_000),
      deny_delete: true,
      deny_purge: true,
      ...(replicas !== undefined && { num_replicas: replicas }),
    };
    await this.#manage(async ({ streams: made }) => {
      const exists = await made.info(name).catch(ifMissing);
      if (exists === undefined) {
        await made.add(config);
        return;
      }
      const wanted = { subjects: [...subjects], discard, num_replicas: replicas ?? exists.config.num_replicas };
      const isAsWanted = (Object.keys(wanted) as (keyof typeof wanted)[]).every(
        (setting) => String(exists.config[setting]) === String(wanted[setting]),
      );
      if (!isAsWanted) await made.update(name, { ...exists.config, ...wanted });
    });
  }

  /** Makes a durable pull consumer that never gives up on a message: a limit would dead-letter good money during an outage. */
  async ensureConsumer(stream: string, durable: string, subject: string): Promise<void> {
    await this.#manage(async ({ consumers }) => {
      if ((await consumers.info(stream, durable).catch(ifMissing)) === undefined) {
        await consumers.add(stream, {
          durable_name: durable,
          filter_subject: subject,
          ack_policy: AckPolicy.Explicit,
          ack_wait: nanos(ACK_WAIT_MS),
          max_deliver: -1,
          max_ack_pending: ACK_PENDING_MAX,
        });
      }
    });
  }

  /** A consumer that was made. Throws where there is none. */
  async consumer(stream: string, durable: string): Promise<Consumer> {
    return this.#bus.whileConnected(() => this.#bus.connection.jetstream().consumers.get(stream, durable));
  }

  /** Publishes; resolves when the stream has stored it. A repeat of `id` within two minutes is stored once. */
  async publish(
    stream: string,
    subject: string,
    id: string,
    headers: Readonly<Record<string, string>>,
    body: string,
  ): Promise<Published> {
    const messageHeaders = natsHeaders();
    for (const [name, value] of Object.entries(headers)) messageHeaders.set(name, value);
    const options = { msgID: id, timeout: PUBLISH_TIMEOUT_MS, headers: messageHeaders, expect: { streamName: stream } };
    return this.#bus.whileConnected(() => this.#bus.connection.jetstream().publish(subject, body, options));
  }

  /** What a stream is now: when it was made (another time means another stream under the same name) and how far it goes. */
  async state(stream: string): Promise<{ created: string; lastSeq: number } | undefined> {
    const info = await this.#manage(({ streams: made }) => made.info(stream).catch(ifMissing));
    return info && { created: info.created, lastSeq: info.state.last_seq };
  }

  /** The largest message that a stream takes, in bytes; undefined where there is no such stream. */
  async messageMax(stream: string): Promise<number | undefined> {
    const info = await this.#manage(({ streams: made }) => made.info(stream).catch(ifMissing));
    const ofBroker = this.#bus.connection.info?.max_payload ?? MESSAGE_MAX_BYTES;
    // A stream without a limit of its own says -1.
    return info && Math.min(ofBroker, info.config.max_msg_size > 0 ? info.config.max_msg_size : ofBroker);
  }

  /** Up to where a consumer has acknowledged everything; 0 where there is no such consumer. */
  async ackFloor(stream: string, durable: string): Promise<number> {
    const info = await this.#manage(({ consumers }) => consumers.info(stream, durable).catch(ifMissing));
    return info?.ack_floor.stream_seq ?? 0;
  }

  /** How many messages a consumer was not given yet, and how many it has in hand. Throws where there is no such consumer. */
  async lag(stream: string, durable: string): Promise<{ pending: number; unacknowledged: number }> {
    const { num_pending, num_ack_pending } = await this.#manage(({ consumers }) => consumers.info(stream, durable));
    return { pending: num_pending, unacknowledged: num_ack_pending };
  }

  /** Without the client's own question whether there is JetStream at all, which doubled every other one. */
  #manage<T>(work: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    return this.#bus.whileConnected(async () => work(await this.#bus.connection.jetstreamManager({ checkAPI: false })));
  }
}

const NO_JETSTREAM: ReadonlySet<string> = new Set([ErrorCode.JetStreamNotEnabled, ErrorCode.Timeout]);
const TOO_LARGE_FOR_THE_STREAM = 10_054;
const TOO_LARGE_FOR_THE_BROKER: string = ErrorCode.MaxPayloadExceeded;

/** Whether the broker will never take a message, however often it is sent. */
export function isRefusedForGood(error: unknown): boolean {
  if (!(error instanceof NatsError)) return false;
  return error.code === TOO_LARGE_FOR_THE_BROKER || error.api_error?.err_code === TOO_LARGE_FOR_THE_STREAM;
}

/** Whether a broker that is there has no JetStream, or one that does not answer: both happen where its disk is full. */
export function hasNoJetStream(error: unknown): boolean {
  return error instanceof NatsError && NO_JETSTREAM.has(error.code);
}

/** Which stream carries a subject. */
export function streamOf(subject: string): Stream {
  const found = Object.values<Stream>(streams).find((stream) => stream.subjects.includes(subject));
  if (found === undefined) throw new Error(`no stream carries ${subject}`);
  return found;
}

/** Messages as they come, until `max` came, `expiresMs` passed or `signal` aborts. Throws where the consumer is gone. */
export async function* pull(
  consumer: Consumer,
  max: number,
  expiresMs: number,
  signal: AbortSignal,
): AsyncGenerator<Delivery> {
  const messages = await consumer.fetch({ max_messages: max, expires: expiresMs });
  const stop = () => void messages.close();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    for await (const message of messages) yield delivery(message);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function delivery(message: JsMsg): Delivery {
  const headers: Record<string, string> = {};
  for (const name of message.headers?.keys() ?? []) headers[name] = message.headers?.get(name) ?? "";
  return {
    stream: message.info.stream,
    seq: message.seq,
    storedAtMs: Math.floor(message.info.timestampNanos / 1e6),
    subject: message.subject,
    data: message.data,
    json: () => message.json(),
    headers,
    trace: traceOf(message.headers),
    ack: () => message.ack(),
    nak: (delayMs) => message.nak(delayMs),
  };
}

function ifMissing(error: unknown): undefined {
  if (error instanceof NatsError && error.api_error?.code === 404) return undefined;
  throw error;
}
