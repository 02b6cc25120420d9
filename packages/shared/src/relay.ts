/**
 * The relay publishes what the outbox holds. One is active per service, by a lock that dies with its connection. A row
 * stays until the consumer confirms it, because a broker can lose what it acknowledged.
 */
import { hash } from "node:crypto";
import { z } from "zod";
import { crashPoint } from "./crash.ts";
import type { Db, Session } from "./db.ts";
import { relayed } from "./metrics.ts";
import { pack, PARCEL_TYPE, type Parcel } from "./parcel.ts";
import { sql, table } from "./sql.ts";
import { isRefusedForGood, streamOf, type Published, type Streams } from "./streams.ts";
import { inSpan, messaging, SpanKind, traceHeaders } from "./telemetry.ts";

const RELAY_LOCK = 7_105_115;
const BATCH_MAX = 500;
/** Longer than any round: a holder that asks nothing for so long is frozen or gone, even where its connection looks alive. */
const SILENT_MAX_MS = 30_000;

/** The right to relay and confirm for a service, as long as its connection lives and is used. */
export class Lease {
  readonly #db: Db;
  readonly #silentMaxMs: number;
  #session: Session | undefined;
  #isHeld = false;
  #asking: Promise<Session | undefined> | undefined;

  constructor(db: Db, silentMaxMs = SILENT_MAX_MS) {
    this.#db = db;
    this.#silentMaxMs = silentMaxMs;
  }

  /** The connection that holds the lock, or undefined where another process has it. */
  hold(): Promise<Session | undefined> {
    // The relay and the confirmer may ask at once, and must not compete with each other for the lock.
    this.#asking ??= this.#take().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #take(): Promise<Session | undefined> {
    if (this.#session?.lost()) [this.#session, this.#isHeld] = [undefined, false];
    if (this.#isHeld) return this.#session;
    // Who does not get it asks again four times a second, on the same connection.
    const session = (this.#session ??= await this.#db.session());
    const { got } = await session.one(
      z.object({ got: z.boolean() }),
      sql`select pg_try_advisory_lock(${RELAY_LOCK}) as got, set_config('idle_session_timeout', ${String(this.#silentMaxMs)}, false)`,
    );
    this.#isHeld = got;
    return got ? session : undefined;
  }

  async close(): Promise<void> {
    await this.#session?.close();
  }
}

const Due = z.object({
  id: z.string(),
  event_id: z.string(),
  subject: z.string(),
  headers: z.record(z.string(), z.string()),
  payload: z.string(),
  attempts: z.number(),
});
type Due = z.output<typeof Due>;

/**
 * Publishes all that is due, in the order it was written, and calls `published` after each batch. By state and not by a cursor
 * over ids, which would miss rows of transactions that commit late.
 */
export async function relayDue(session: Session, streams: Streams, published: () => void): Promise<void> {
  for (;;) {
    const due = await session.many(
      Due,
      sql`select id, event_id, subject, headers, payload::text, attempts from outbox
          where published_at is null and failed_at is null and next_at <= now() order by next_at, id limit ${BATCH_MAX}`,
    );
    if (due.length === 0) return;
    const epochs = await epochsOf(due, streams);
    crashPoint("relay.before-publish");
    const messages = messagesOf(due);
    const results = await Promise.allSettled(messages.map((message) => publish(message, streams)));
    crashPoint("relay.after-publish");
    const sent = messages.flatMap(({ rows }, i) =>
      rows.map((row) => ({ row, result: results[i] as PromiseSettledResult<Published> })),
    );
    await record(session, sent, epochs).finally(published);
    // A broker that refuses one will refuse the rest of them just now.
    if (results.some((result) => result.status === "rejected") || due.length < BATCH_MAX) return;
  }
}

/** Read before publishing: a stream that is replaced meanwhile shows as another epoch, and what it got is sent again. */
async function epochsOf(due: readonly Due[], streams: Streams): Promise<Map<string, string | undefined>> {
  const names = new Set(due.map((row) => streamOf(row.subject).name));
  return new Map(
    await Promise.all([...names].map(async (name) => [name, (await streams.state(name))?.created] as const)),
  );
}

/** One message: the rows that it carries, and how. */
interface Message {
  readonly rows: readonly Due[];
  readonly subject: string;
  /** By which the broker knows it again. */
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly span: Parameters<typeof inSpan>[1];
}

/** What goes in one message each: facts that a service of ours confirms travel together, notices alone. */
function messagesOf(due: readonly Due[]): Message[] {
  const subjects = [...new Set(due.map(({ subject }) => subject))];
  return subjects.flatMap((subject) => {
    const rows = due.filter((row) => row.subject === subject);
    if (streamOf(subject).confirmedBy === undefined) return rows.map(alone);
    return pack(rows).map((parcel) => (parcel.facts.length === 1 ? alone(parcel.facts[0] as Due) : together(parcel)));
  });
}

function alone(row: Due): Message {
  const { subject, headers, payload } = row;
  const span = { parent: headers, attributes: { "messaging.message.id": row.event_id } };
  return { rows: [row], subject, id: idOf(row), headers, body: payload, span };
}

function together({ facts: rows, body }: Parcel<Due>): Message {
  const { subject } = rows[0] as Due;
  const id = hash("sha256", rows.map(idOf).join(" "));
  const linked = rows.map(({ headers }) => headers);
  const span = { linked, attributes: { "messaging.batch.message_count": rows.length } };
  return { rows, subject, id, headers: { "content-type": PARCEL_TYPE }, body, span };
}

function publish({ subject, id, headers, body, span }: Message, streams: Streams): Promise<Published> {
  const attributes = {
    ...messaging("publish", "send", subject),
    ...span.attributes,
  };
  return inSpan(`publish ${subject}`, { ...span, kind: SpanKind.PRODUCER, attributes }, () =>
    streams.publish(streamOf(subject).name, subject, id, { ...headers, ...traceHeaders() }, body),
  );
}

/** Sent again after a loss it is a new message to the broker; sent again after a time-out it may be the same one. */
function idOf({ event_id, attempts }: Due): string {
  return attempts === 0 ? event_id : `${event_id}:r${attempts}`;
}

async function record(
  session: Session,
  sent: readonly { row: Due; result: PromiseSettledResult<Published> }[],
  epochs: ReadonlyMap<string, string | undefined>,
): Promise<void> {
  const published: { id: string; seq: number; epoch: string | undefined }[] = [];
  const notices: string[] = [];
  const refused: { id: string; error: string; forGood: boolean }[] = [];
  for (const { row, result } of sent) {
    const stream = streamOf(row.subject);
    const forGood = result.status === "rejected" && isRefusedForGood(result.reason);
    const outcome = result.status === "fulfilled" ? "published" : forGood ? "refused" : "delayed";
    relayed.inc({ subject: row.subject, outcome });
    if (result.status === "rejected") refused.push({ id: row.id, error: String(result.reason).slice(0, 500), forGood });
    else if (stream.confirmedBy === undefined) notices.push(row.id);
    else published.push({ id: row.id, seq: result.value.seq, epoch: epochs.get(stream.name) });
  }
  if (notices.length > 0) await session.run(sql`delete from outbox where id = any(${notices})`);
  if (published.length > 0) {
    const rows = table({ id: "bigint", seq: "bigint", epoch: "text" }, published);
    await session.run(
      sql`update outbox set published_at = now(), stream_seq = p.seq, stream_epoch = p.epoch, last_error = null
          from ${rows} as p (id, seq, epoch) where outbox.id = p.id`,
    );
  }
  if (refused.length > 0) {
    const rows = table({ id: "bigint", error: "text", forGood: "boolean" }, refused);
    // What is refused for good waits for an operator, whom the audit tells of it, and not in the way of the others.
    await session.run(
      sql`update outbox set next_at = now() + interval '1 second', last_error = r.error, failed_at = case when r.for_good then now() end
          from ${rows} as r (id, error, for_good) where outbox.id = r.id`,
    );
    throw new Error(`the broker refused ${refused.length} of ${sent.length} events: ${refused[0]?.error}`);
  }
}
