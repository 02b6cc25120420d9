/**
 * The streams and their readers, made by an operator: no service may make them, and so none can make one that takes in what
 * others ask. While somebody keeps them, they are there again soon after a broker has lost them.
 */
import type { Bus } from "@tollbooth/shared/bus";
import { until } from "@tollbooth/shared/local/condition";
import type { Log } from "@tollbooth/shared/log";
import { Loop } from "@tollbooth/shared/loop";
import { hasNoJetStream, Streams } from "@tollbooth/shared/streams";
import { ROWS } from "./permissions.ts";

export interface KeepOptions {
  /** As the operator, or to a broker that takes anybody. */
  readonly bus: Bus;
  /** How many brokers of a cluster keep each stream; without it, as many as do already, and of a new one one. */
  readonly replicas?: number | undefined;
  readonly log: Log;
  /** Hears that a round hangs, which the time-outs of its questions should make impossible. */
  readonly onStall: () => void;
  /** Hears that a broker which is there has not answered about its streams for 5 s, and again whenever that lasts. */
  readonly onNoJetStream?: () => void;
}

const KEEP_EVERY_MS = 1_000;
/** Brokers that have just started find each other and agree on a leader before they make anything. */
const AGREED_WITHIN_MS = 30_000;
const STALL_MS = 60_000;
/** A broker that has just started takes a moment. */
const WITHOUT_MAX_MS = 5_000;

/** Makes every stream, then every reader, where they are missing or other than they should be. */
export async function makeStreams(streams: Streams, replicas?: number): Promise<void> {
  const rows = Object.values(ROWS);
  for (const { owns = [] } of rows) for (const stream of owns) await streams.ensure(stream, replicas);
  for (const { reads = [] } of rows)
    for (const { stream, durable, subject } of reads) await streams.ensureConsumer(stream.name, durable, subject);
}

/**
 * Makes them, and again whenever they are missing. Settles when they are there; answers what ends it, and the bus with it.
 * Throws where they cannot be made.
 */
export async function keepStreams(options: KeepOptions): Promise<() => Promise<void>> {
  const { bus, replicas, log, onStall } = options;
  const round = () => makeStreams(new Streams(bus), replicas);
  // Nothing is in hand that would have to be answered, and a broker that stands still keeps nobody here.
  const leave = () => bus.connection.close();
  const hindrance = await firstRound(round, replicas);
  if (hindrance !== undefined) {
    await leave();
    throw new Error(`The broker's streams cannot be made: ${hindrance.message}`, { cause: hindrance });
  }
  const watched = watchedFor(round, options.onNoJetStream);
  const loop = new Loop({
    name: "keep streams",
    log,
    pauseMs: KEEP_EVERY_MS,
    stallMs: STALL_MS,
    onStall,
    round: watched,
  });
  bus.onReconnect(() => loop.wake());
  return async () => void (await Promise.all([loop.close(), leave()]));
}

/** Answers why it failed, after the patience that a cluster needs; one broker needs none. */
async function firstRound(round: () => Promise<void>, replicas: number | undefined): Promise<Error | undefined> {
  let hindrance: Error | undefined;
  const isDone = () =>
    round().then(
      () => true,
      (error: Error) => {
        hindrance = error;
        return false;
      },
    );
  return (await until(isDone, replicas === undefined ? 0 : AGREED_WITHIN_MS)) ? undefined : hindrance;
}

/** A broker whose disk was full hangs or has switched JetStream off, and does not take it up again by itself when there is room. */
function watchedFor(round: () => Promise<void>, onNoJetStream: KeepOptions["onNoJetStream"]): () => Promise<void> {
  let sinceMs: number | undefined;
  return async () => {
    try {
      await round();
      sinceMs = undefined;
    } catch (error) {
      sinceMs = hasNoJetStream(error) ? (sinceMs ?? performance.now()) : undefined;
      if (sinceMs !== undefined && performance.now() - sinceMs > WITHOUT_MAX_MS) {
        sinceMs = undefined;
        onNoJetStream?.();
      }
      throw error;
    }
  };
}
