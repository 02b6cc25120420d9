/** Messages that a service could not apply: kept as they came, shown to an operator, driven again by him. The same table in every service. */
import { z } from "zod";
import { printInstant } from "./contract.ts";
import type { DeadLetters, discardDeadLetters, redriveDeadLetters } from "./contracts/dead-letters.ts";
import type { Db, Tx } from "./db.ts";
import { deadLetters } from "./metrics.ts";
import { sql } from "./sql.ts";
import type { Delivery } from "./streams.ts";

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

/** A message as it came, and when it was buried. */
export type Letter = z.output<typeof LetterRow>;

/** What became of a letter that was driven again. */
export type Redriven = z.output<(typeof redriveDeadLetters)["output"]>[number];

/** What became of a letter that was put away. */
export type Discarded = z.output<(typeof discardDeadLetters)["output"]>[number];

const REASON_MAX = 1000;
/** A body may grow sixfold on its way as JSON, and a message of the broker's has 16 MB at most. */
const PAGE_MAX_BYTES = 2_000_000;
/** Neither driven again with success nor put away. */
export const LETTER_WAITS = sql`redriven_at is null and discarded_at is null`;
const LETTER = sql`select id, stream, seq, subject, headers, body, reason, at from dead_letters`;

/** Keeps a message that can never be applied, as it came, for an operator. The same message is kept once. */
export async function bury(
  tx: Tx,
  message: Pick<Delivery, "stream" | "seq" | "subject" | "headers" | "data">,
  reason: string,
): Promise<void> {
  await tx.run(
    sql`insert into dead_letters (stream, seq, subject, headers, body, reason)
        values (${message.stream}, ${message.seq}, ${message.subject}, ${JSON.stringify(message.headers)}, ${Buffer.from(message.data)}, ${reason.slice(0, REASON_MAX)})
        on conflict (stream, seq, sha256(body)) where redriven_at is null do nothing`,
  );
}

/** The letters that wait, oldest first, from the one after `after` on: `limit` at most, and as many as a message can carry. */
export async function tellLetters(
  tx: Tx,
  { after = "0", limit }: { after?: string | undefined; limit: number },
): Promise<z.input<typeof DeadLetters>> {
  const letters = await tx.many(
    LetterRow,
    sql`select * from (
          select page.*, sum(length(body)) over (order by id) - length(body) as bytes_before
          from (${LETTER} where ${LETTER_WAITS} and id > ${after} order by id limit ${limit}) as page
        ) as sized where bytes_before < ${PAGE_MAX_BYTES} order by id`,
  );
  return letters.map(({ body, at, ...letter }) => ({ ...letter, body: body.toString("utf8"), at: printInstant(at) }));
}

/**
 * Drives one letter again. `drive` gets it and the transaction that holds it, and answers what became of it; where that
 * is a refusal the letter stays, with the new reason. A letter that is not there, or not any more, is `unknown`.
 */
export function redrive(
  db: Db,
  id: string,
  drive: (letter: Letter, tx: Tx) => Promise<Omit<Redriven, "id">>,
): Promise<Redriven> {
  return db.tx(async (tx) => {
    const letter = await tx.maybe(LetterRow, sql`${LETTER} where ${LETTER_WAITS} and id = ${id} for update`);
    if (letter === undefined) return { id, status: "unknown" };
    const driven = await drive(letter, tx);
    const reason = (driven.detail ?? letter.reason).slice(0, REASON_MAX);
    if (driven.status === "refused") await tx.run(sql`update dead_letters set reason = ${reason} where id = ${id}`);
    else await tx.run(sql`update dead_letters set redriven_at = now() where id = ${id}`);
    return { id, ...driven };
  });
}

/** Puts letters away for good, with who did it and why. One that does not wait is `unknown`. */
export async function discard(
  tx: Tx,
  { ids, by, reason }: { ids: readonly string[]; by: string; reason: string },
): Promise<Discarded[]> {
  const rows = await tx.many(
    z.object({ id: z.string() }),
    sql`update dead_letters set discarded_at = now(), discarded_by = ${by}, discarded_for = ${reason}
        where ${LETTER_WAITS} and id = any(${ids}) returning id`,
  );
  const done = new Set(rows.map(({ id }) => id));
  return ids.map((id) => ({ id, status: done.has(id) ? "discarded" : "unknown" }));
}

/** Tells how many letters wait; answers what ends it. */
export function watchLetters(db: Db): () => void {
  return deadLetters.watch(async () => {
    const rows = await db.many(
      z.object({ subject: z.string(), letters: z.coerce.number() }),
      sql`select subject, count(*) as letters from dead_letters where ${LETTER_WAITS} group by 1 order by 2 desc limit 100`,
    );
    return rows.map(({ subject, letters }) => ({ labels: { subject }, value: letters }));
  });
}
