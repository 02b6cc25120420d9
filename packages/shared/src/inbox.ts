/** What a service did with the events it consumed: written with the effect, so that neither is there without the other. */
import { z } from "zod";
import type { Tx } from "./db.ts";
import { sql, table } from "./sql.ts";
import type { Delivery } from "./streams.ts";

export interface EventKey {
  readonly userId: string;
  readonly eventId: string;
}

export interface InboxEntry extends EventKey {
  readonly outcome: "applied" | "rejected" | "dead";
}

/** The outcomes of events that this consumer has dealt with, by event id. */
export async function readInbox(tx: Tx, consumer: string, keys: readonly EventKey[]): Promise<Map<string, InboxEntry["outcome"]>> {
  if (keys.length === 0) return new Map();
  const wanted = table({ userId: "text", eventId: "uuid" }, keys);
  const rows = await tx.many(
    z.object({ event_id: z.string(), outcome: z.enum(["applied", "rejected", "dead"]) }),
    sql`select event_id, outcome from inbox join ${wanted} as k (user_id, event_id) using (user_id, event_id) where consumer = ${consumer}`,
  );
  return new Map(rows.map((row) => [row.event_id, row.outcome]));
}

/** Writes entries. One that is there already is a unique violation, which runs the transaction again, and then it is seen. */
export async function writeInbox(tx: Tx, consumer: string, entries: readonly InboxEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const rows = table({ userId: "text", eventId: "uuid", outcome: "text" }, entries);
  await tx.run(sql`insert into inbox (user_id, consumer, event_id, outcome) select e.user_id, ${consumer}, e.event_id, e.outcome from ${rows} as e (user_id, event_id, outcome)`);
}

/** Keeps a message that can never be applied, as it came, for an operator. The same message is kept once. */
export async function bury(tx: Tx, message: Pick<Delivery, "stream" | "seq" | "subject" | "headers" | "data">, reason: string): Promise<void> {
  await tx.run(
    sql`insert into dead_letters (stream, seq, subject, headers, body, reason)
        values (${message.stream}, ${message.seq}, ${message.subject}, ${JSON.stringify(message.headers)}, ${Buffer.from(message.data)}, ${reason.slice(0, 1000)})
        on conflict (stream, seq, sha256(body)) where redriven_at is null do nothing`,
  );
}
