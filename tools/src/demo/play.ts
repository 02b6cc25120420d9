/** Sends a plan to the platform, by all its ways at once, as fast as it takes or at a pace. */
import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import { printInstant } from "@tollbooth/shared/contract";
import { trackUsage, trackUsageBatch } from "@tollbooth/shared/contracts/usage";
import { inLanes } from "./lanes.ts";
import { chatOnce } from "./proxied.ts";
import type { PlannedEvent } from "./plan.ts";
import type { Reporter } from "./reporter.ts";
import type { Rest } from "./rest.ts";

export interface Stage {
  readonly rest: Rest;
  readonly gatewayUrl: string;
  /** A token of the user, or of the service, of this name. */
  readonly tokenOf: (name: string, role: "user" | "service") => Promise<string>;
  readonly reporterOf: (source: string) => Reporter;
  /** How many times faster than it happened; without it, as fast as the platform takes. */
  readonly speed: number | undefined;
  /** So many more events are recorded. */
  readonly onRecorded: (count: number) => void;
}

const LANES = 48;
const BATCH_LANES = 2;
const PROXY_LANES = 8;
const BATCH_MAX = 100;
const TURN_EVERY = 20;
/** As long as a broker or a service may be away, and then some. */
export const STALLED_MS = 60_000;

/** Settles when every event of the plan is recorded. Throws the first thing that goes wrong. */
export async function play(planned: readonly PlannedEvent[], stage: Stage): Promise<void> {
  const by = (...ways: PlannedEvent["way"]["by"][]) => planned.filter(({ way }) => ways.includes(way.by));
  const due = pacing(planned, stage.speed);
  await Promise.all([
    inLanes(LANES, by("user", "track"), async (event) => {
      await due(event);
      await track(event, stage);
    }),
    inLanes(BATCH_LANES, batchesOf(planned), async (batch) => {
      for (const event of batch.events) await due(event);
      await trackBatch(batch, stage);
    }),
    inLanes(PROXY_LANES, by("proxy"), async (event) => {
      await due(event);
      await chatOnce(event, stage);
      stage.onRecorded(1);
    }),
    report(by("report"), stage, due),
  ]);
}

type Due = (event: PlannedEvent) => Promise<void> | undefined;

/** Waits until an event is due, at a pace; without one, all are due. */
function pacing(planned: readonly PlannedEvent[], speed: number | undefined): Due {
  const firstMs = planned[0]?.atMs ?? 0;
  const begin = performance.now();
  return ({ atMs }) => {
    const waitMs = speed === undefined ? 0 : (atMs - firstMs) / speed - (performance.now() - begin);
    return waitMs > 0 ? pause(waitMs) : undefined;
  };
}

async function track(event: PlannedEvent, { rest, tokenOf, onRecorded }: Stage): Promise<void> {
  const { userId, eventId, atMs, told, way } = event;
  const token = "source" in way ? await tokenOf(way.source, "service") : await tokenOf(userId, "user");
  const input = { ...told, user_id: userId, event_id: eventId, occurred_at: printInstant(atMs) };
  const send = () => rest.ask(trackUsage, input, { token });
  // Both at once: the platform has to see by itself that they are one.
  const answers = await Promise.all(event.isTwice ? [send(), send()] : [send()]);
  if (new Set(answers.map(({ id }) => id)).size > 1) throw new Error(`event ${eventId} was recorded twice`);
  onRecorded(1);
}

interface Batch {
  readonly source: string;
  readonly events: readonly PlannedEvent[];
}

function batchesOf(planned: readonly PlannedEvent[]): Batch[] {
  const open = new Map<string, PlannedEvent[]>();
  const batches: Batch[] = [];
  for (const event of planned) {
    if (event.way.by !== "batch") continue;
    const { source } = event.way;
    const events = open.get(source) ?? [];
    if (events.push(event) === 1) batches.push({ source, events });
    open.set(source, events.length < BATCH_MAX ? events : []);
  }
  return batches;
}

/** A batch that one service sends; some of its events stand in it twice. */
async function trackBatch({ source, events: batch }: Batch, { rest, tokenOf, onRecorded }: Stage): Promise<void> {
  const sent = batch.flatMap((event) => (event.isTwice ? [event, event] : [event]));
  const events = sent.map(({ userId, eventId, atMs, told }) => ({
    ...told,
    user_id: userId,
    event_id: eventId,
    occurred_at: printInstant(atMs),
  }));
  const answers = await rest.ask(trackUsageBatch, { events }, { token: await tokenOf(source, "service") });
  const refused = answers.find(({ status }) => status === "refused");
  if (refused !== undefined) throw new Error(`an event of a batch was refused: ${refused.problem?.detail}`);
  const ids = new Set(answers.map(({ event }) => event?.id));
  if (ids.size !== batch.length) throw new Error(`a batch of ${batch.length} events became ${ids.size}`);
  onRecorded(batch.length);
}

async function report(planned: readonly PlannedEvent[], { reporterOf }: Stage, due: Due): Promise<void> {
  const reporters = new Set<Reporter>();
  for (const [i, event] of planned.entries()) {
    const { eventId: id, userId, atMs, told, way } = event;
    if (way.by !== "report") continue;
    await due(event);
    // Publishing never waits for anything by itself: without this, thousands would go before anybody else had his turn.
    if (i % TURN_EVERY === 0) await turn();
    const reporter = reporterOf(way.source);
    reporters.add(reporter);
    for (let sending = 0; sending < (event.isTwice ? 2 : 1); sending++) {
      await reporter.report({ id, userId, atMs, told }, STALLED_MS);
    }
  }
  for (const reporter of reporters) {
    await reporter.settled(STALLED_MS);
    const [refused] = reporter.refused;
    if (refused !== undefined) throw new Error(`event ${refused} was refused: npm run dlq says why`);
  }
}
