/** The SQL of dead letters: reports that could not be read or priced, as they came. */
import type { Tx } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { z } from "zod";
import type { Identity } from "./store.ts";

const LetterRow = z.object({
  id: z.string(),
  stream: z.string(),
  seq: z.string(),
  subject: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.instanceof(Buffer),
  reason: z.string(),
  at: z.number(),
});

export type Letter = z.output<typeof LetterRow>;

const LETTER = sql`select id, stream, seq, subject, headers, body, reason, at from dead_letters`;

/** Those that wait, oldest first. */
export function readLetters(tx: Tx, after: string, limit: number): Promise<Letter[]> {
  return tx.many(LetterRow, sql`${LETTER} where redriven_at is null and id > ${after} order by id limit ${limit}`);
}

/** One that waits, held until the transaction ends; undefined where there is none. */
export function lockLetter(tx: Tx, id: string): Promise<Letter | undefined> {
  return tx.maybe(LetterRow, sql`${LETTER} where redriven_at is null and id = ${id} for update`);
}

/** Notes that a dead letter was recorded after all; it is no longer listed. */
export async function markRedriven(tx: Tx, id: string): Promise<void> {
  await tx.run(sql`update dead_letters set redriven_at = now() where id = ${id}`);
}

/** Replaces the reason, where driving it again failed for another. */
export async function keepReason(tx: Tx, id: string, reason: string): Promise<void> {
  await tx.run(sql`update dead_letters set reason = ${reason.slice(0, 1000)} where id = ${id}`);
}

/** Marks an identity as a dead letter's; answers what it was before: `undefined` where nobody had reported it. */
export async function markDead(
  tx: Tx,
  { userId, source, eventId }: Identity,
): Promise<"recorded" | "dead" | undefined> {
  const marked = await tx.run(
    sql`insert into usage_event_ids (user_id, source, event_id, outcome, content_hash) values (${userId}, ${source}, ${eventId}, 'dead', '')
        on conflict (user_id, source, event_id) do nothing`,
  );
  if (marked > 0) return undefined;
  const { outcome } = await tx.one(
    z.object({ outcome: z.enum(["recorded", "dead"]) }),
    sql`select outcome from usage_event_ids where (user_id, source, event_id) = (${userId}, ${source}, ${eventId})`,
  );
  return outcome;
}
