/**
 * The confirmer lets go of an outbox row when its consumer says that the event was applied, and makes due again only what
 * is provably lost. A backlog is not a loss: sending again on a timer would feed the backlog it waits for.
 */
import { z } from "zod";
import type { Bus } from "./bus.ts";
import type { Command } from "./contract.ts";
import { crashPoint } from "./crash.ts";
import type { Session } from "./db.ts";
import { sql } from "./sql.ts";
import { streams as allStreams, type Stream, type Streams } from "./streams.ts";

const PAGE_MAX = 500;
const PAGES_MAX = 20;
/** Younger ones may still be between the broker and the consumer's first look. */
const SETTLE_MS = 3_000;

const Sent = z.object({
  id: z.string(),
  event_id: z.string(),
  user_id: z.string(),
  stream_seq: z.coerce.number(),
  stream_epoch: z.string().nullable(),
  published_at: z.number(),
});
type Sent = z.output<typeof Sent>;

interface View {
  /** The database's clock before anything was looked at. */
  readonly atMs: number;
  readonly created: string;
  readonly lastSeq: number;
  readonly ackFloor: number;
}

/** What a round found. */
export interface Confirmed {
  /** Whether anything had been published that was not confirmed before. */
  readonly waited: boolean;
  /** The events that it made due again. */
  readonly lost: readonly string[];
}

/** One round over all streams of which this outbox may hold events. Throws where a question failed: nothing is decided then. */
export async function confirm(session: Session, streams: Streams, bus: Bus): Promise<Confirmed> {
  const lost: string[] = [];
  let waited = false;
  for (const stream of Object.values<Stream>(allStreams)) {
    if (stream.confirmedBy === undefined || !(await isWaiting(session, stream))) continue;
    waited = true;
    lost.push(...(await confirmStream(session, streams, bus, stream, stream.confirmedBy)));
  }
  return { waited, lost };
}

async function isWaiting(session: Session, { subjects }: Stream): Promise<boolean> {
  const { waits } = await session.one(
    z.object({ waits: z.boolean() }),
    sql`select exists (select from outbox where published_at is not null and subject = any(${subjects})) as waits`,
  );
  return waits;
}

async function confirmStream(
  session: Session,
  streams: Streams,
  bus: Bus,
  stream: Stream,
  by: NonNullable<Stream["confirmedBy"]>,
): Promise<string[]> {
  // The order matters: first how far the consumer is, then what it applied. Whatever it finished in between is confirmed.
  const view = await look(session, streams, stream.name, by.durable);
  if (view === undefined) return [];
  const lost: string[] = [];
  let afterId = "0";
  for (let page = 0; page < PAGES_MAX; page++) {
    const sent = await readDecided(session, stream, view, afterId);
    if (sent.length > 0) lost.push(...(await settle(session, bus, by.outcomes, sent, view)));
    if (sent.length < PAGE_MAX) return lost;
    afterId = (sent.at(-1) as Sent).id;
  }
  return lost;
}

/** What the consumer has been past, or can never come to. Of the others nothing can be said yet: asking would feed the backlog. */
function readDecided(session: Session, { subjects }: Stream, view: View, afterId: string): Promise<Sent[]> {
  return session.many(
    Sent,
    sql`select id, event_id, payload->>'user_id' as user_id, stream_seq, stream_epoch, published_at from outbox
        where published_at is not null and subject = any(${subjects}) and id > ${afterId}
          and (stream_seq <= ${view.ackFloor} or stream_seq > ${view.lastSeq} or stream_epoch is distinct from ${view.created})
        order by id limit ${PAGE_MAX}`,
  );
}

async function look(session: Session, streams: Streams, stream: string, durable: string): Promise<View | undefined> {
  const { at } = await session.one(z.object({ at: z.number() }), sql`select clock_timestamp() as at`);
  const state = await streams.state(stream);
  return state && { atMs: at, ...state, ackFloor: await streams.ackFloor(stream, durable) };
}

const Outcomes = z.array(z.object({ event_id: z.string(), outcome: z.string() }));

async function settle(
  session: Session,
  bus: Bus,
  outcomes: Command,
  sent: readonly Sent[],
  view: View,
): Promise<string[]> {
  const answers = Outcomes.parse(
    await bus.ask(outcomes, { events: sent.map(({ user_id, event_id }) => ({ user_id, event_id })) }),
  );
  const known = new Set(answers.filter(({ outcome }) => outcome !== "unknown").map(({ event_id }) => event_id));
  const done = sent.filter((row) => known.has(row.event_id)).map((row) => row.id);
  const lost = sent.filter((row) => !known.has(row.event_id) && isLost(row, view));
  crashPoint("confirmer.before-delete");
  if (done.length > 0) await session.run(sql`delete from outbox where id = any(${done})`);
  if (lost.length > 0) {
    // At once the first time, then after 5 s, doubling up to 10 minutes.
    await session.run(
      sql`update outbox set published_at = null, stream_seq = null, stream_epoch = null, attempts = attempts + 1,
            next_at = now() + case when attempts = 0 then interval '0' else least(interval '5 seconds' * power(2, least(attempts - 1, 7)), interval '10 minutes') end
          where id = any(${lost.map((row) => row.id)})`,
    );
  }
  return lost.map((row) => row.event_id);
}

/** Lost for certain: the stream is another one, or ends before it, or the consumer is past it without having applied it. */
export function isLost(row: Pick<Sent, "stream_epoch" | "stream_seq" | "published_at">, view: View): boolean {
  if (row.published_at > view.atMs - SETTLE_MS) return false;
  return row.stream_epoch !== view.created || row.stream_seq > view.lastSeq || row.stream_seq <= view.ackFloor;
}
