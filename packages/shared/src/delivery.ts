/** Everything that makes a service's facts leave and its keys be forgotten in time: started once by its main.ts. */
import type { Bus } from "./bus.ts";
import { confirm } from "./confirmer.ts";
import type { Db } from "./db.ts";
import { watchLetters } from "./dead-letters.ts";
import { forgetAnswers } from "./idempotency.ts";
import { forgetEvents } from "./inbox.ts";
import type { Log } from "./log.ts";
import { Loop } from "./loop.ts";
import { watchOutbox } from "./outbox.ts";
import { Lease, relayDue } from "./relay.ts";
import type { Shutdown } from "./shutdown.ts";
import type { Streams } from "./streams.ts";

export interface DeliveryOptions {
  readonly db: Db;
  readonly bus: Bus;
  readonly streams: Streams;
  readonly log: Log;
  readonly shutdown: Shutdown;
}

const RELAY_POLL_MS = 250;
const CONFIRM_EVERY_MS = 300;
const FORGET_EVERY_MS = 3_600_000;
const STALL_MS = 60_000;

/** Starts relay, confirmer and housekeeping. `wake` tells the relay that something was just committed. */
export async function startDelivery({
  db,
  bus,
  streams,
  log,
  shutdown,
}: DeliveryOptions): Promise<{ wake: () => void }> {
  const lease = shutdown.add("relay lease", new Lease(db), (it) => it.close());
  const common = { log, stallMs: STALL_MS, onStall: (name: string) => shutdown.fail(`${name} has stalled`, undefined) };
  const loop = (name: string, pauseMs: number, round: () => Promise<void>) =>
    shutdown.add(name, new Loop({ ...common, name, pauseMs, round }), (it) => it.close());

  const relay = loop("relay", RELAY_POLL_MS, async () => {
    const session = await lease.hold();
    if (session !== undefined) await relayDue(session, streams);
  });
  loop("confirmer", CONFIRM_EVERY_MS, async () => {
    const session = await lease.hold();
    if (session !== undefined) await confirm(session, streams, bus);
  });
  loop("forget", FORGET_EVERY_MS, async () => {
    // A bounded number at a time, until a round finds nothing.
    while ((await forgetAnswers(db)) + (await forgetEvents(db)) > 0);
  });
  shutdown.add("watched outbox", watchOutbox(db), (end) => end());
  shutdown.add("watched letters", watchLetters(db), (end) => end());
  return { wake: () => relay.wake() };
}
