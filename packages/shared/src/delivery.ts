/** What makes a service's facts leave, and its keys be forgotten in time: started once by its main.ts. */
import type { Bus } from "./bus.ts";
import { confirm } from "./confirmer.ts";
import type { Db, Session } from "./db.ts";
import { watchLetters } from "./dead-letters.ts";
import { forgetAnswers } from "./idempotency.ts";
import { forgetEvents } from "./inbox.ts";
import type { Log } from "./log.ts";
import { Loop } from "./loop.ts";
import { watchOutbox } from "./outbox.ts";
import { Lease, relayDue } from "./relay.ts";
import type { Shutdown } from "./shutdown.ts";
import type { Streams } from "./streams.ts";

export interface ForgettingOptions {
  readonly db: Db;
  readonly log: Log;
  readonly shutdown: Pick<Shutdown, "add">;
  readonly onStall: (name: string) => void;
}

export interface DeliveryOptions extends ForgettingOptions {
  readonly bus: Bus;
  readonly streams: Streams;
}

const RELAY_POLL_MS = 250;
const CONFIRM_EVERY_MS = 300;
const FORGET_EVERY_MS = 3_600_000;
const STALL_MS = 60_000;

/** Starts relay, confirmer and housekeeping. `wake` tells the relay that something was just committed. */
export function startDelivery(options: DeliveryOptions): { wake: () => void } {
  const { db, bus, streams, shutdown } = options;
  const lease = shutdown.add("relay lease", new Lease(db), (it) => it.close());
  /** Where nothing waits to be confirmed. Only who holds the lease publishes, so that it stays so until he does. */
  let allConfirmed: Session | undefined;

  const relay = start(options, "relay", RELAY_POLL_MS, async () => {
    const session = await lease.hold();
    if (session !== undefined) await relayDue(session, streams, () => (allConfirmed = undefined));
  });
  start(options, "confirmer", CONFIRM_EVERY_MS, async () => {
    const session = await lease.hold();
    if (session === undefined || session === allConfirmed) return;
    // Said before it is known: what the relay says from here on counts more than what is found.
    allConfirmed = session;
    let waited = true;
    try {
      ({ waited } = await confirm(session, streams, bus));
    } finally {
      if (waited) allConfirmed = undefined;
    }
  });
  startForgetting(options);
  shutdown.add("watched outbox", watchOutbox(db), (end) => end());
  shutdown.add("watched letters", watchLetters(db), (end) => end());
  return { wake: () => relay.wake() };
}

/** Starts the housekeeping alone, for a service that tells no facts. */
export function startForgetting(options: ForgettingOptions): void {
  const { db } = options;
  start(options, "forget", FORGET_EVERY_MS, async () => {
    // A bounded number at a time, until a round finds nothing.
    while ((await forgetAnswers(db)) + (await forgetEvents(db)) > 0);
  });
}

function start(options: ForgettingOptions, name: string, pauseMs: number, round: () => Promise<void>): Loop {
  const { log, shutdown, onStall } = options;
  return shutdown.add(name, new Loop({ log, name, pauseMs, round, stallMs: STALL_MS, onStall }), (it) => it.close());
}
