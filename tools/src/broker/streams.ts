/**
 * The streams and their readers, made by an operator: no service may make them, and so none can make one that takes in what
 * others ask. While somebody keeps them, they are there again soon after a broker has lost them.
 */
import { openBus } from "@tollbooth/shared/bus";
import type { Log } from "@tollbooth/shared/log";
import { Loop } from "@tollbooth/shared/loop";
import { hasNoJetStream, Streams } from "@tollbooth/shared/streams";
import { OPERATOR, ROWS } from "./permissions.ts";

export interface KeepOptions {
  readonly url: string;
  /** The folder with the operator's seed; without it the broker has to take anybody. */
  readonly keys: string | undefined;
  readonly log: Log;
  /** Hears that a round hangs, which the time-outs of its questions should make impossible. */
  readonly onStall: () => void;
  /** Hears that a broker which is there has not answered about its streams for 5 s, and again whenever that lasts. */
  readonly onNoJetStream?: () => void;
}

const KEEP_EVERY_MS = 1_000;
const STALL_MS = 60_000;
/** A broker that has just started takes a moment. */
const WITHOUT_MAX_MS = 5_000;

/** Makes every stream, then every reader, where they are missing or other than they should be. */
export async function makeStreams(streams: Streams): Promise<void> {
  const rows = Object.values(ROWS);
  for (const { owns = [] } of rows) for (const stream of owns) await streams.ensure(stream);
  for (const { reads = [] } of rows)
    for (const { stream, durable, subject } of reads) await streams.ensureConsumer(stream.name, durable, subject);
}

/** Makes them, and again whenever they are missing. Settles when they are there; answers what ends it. Throws where they cannot be made. */
export async function keepStreams({
  url,
  keys,
  log,
  onStall,
  onNoJetStream,
}: KeepOptions): Promise<() => Promise<void>> {
  const bus = await openBus({ url, keys, name: OPERATOR, log });
  const round = () => makeStreams(new Streams(bus));
  // Nothing is in hand that would have to be answered, and a broker that stands still keeps nobody here.
  const leave = () => bus.connection.close();
  await round().catch(async (cause: Error) => {
    await leave();
    throw new Error(`The broker's streams cannot be made: ${cause.message}`, { cause });
  });
  const watched = watchedFor(round, onNoJetStream);
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
