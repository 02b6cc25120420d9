/**
 * A key that a caller chose makes its effect happen once: the answer is remembered in the transaction of the effect and
 * given again, byte for byte. A key belongs to its caller, whomever he acts on.
 */
import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { z } from "zod";
import type { Ask, Command } from "./contract.ts";
import type { Tx } from "./db.ts";
import { Fault, type FaultBody } from "./fault.ts";
import { Reply } from "./handler.ts";
import { sql, table } from "./sql.ts";

/** One use of a key. */
export interface Keyed {
  readonly callerId: string;
  readonly key: string;
  /** sha256, hex, of what was asked. */
  readonly hash: string;
}

export interface Remembered {
  readonly hash: string;
  readonly createdAtMs: number;
  /** `ok`, or the code of the refusal. */
  readonly outcome: string;
  /** The reply's text, or the fault's body. */
  readonly answer: string | null;
}

const ANSWERS_KEPT_MS = 7 * 86_400_000;

/** The refusals that are remembered: what a caller did wrong (422) or we could not do (5xx) may be tried again under the same key. */
const REMEMBERED_FAULTS = new Set(["insufficient_credits"]);

/** sha256 over the canonical JSON (RFC 8785) of a value, hex. */
export function contentHash(value: unknown): string {
  return createHash("sha256").update(canonicalize(value) ?? "").digest("hex");
}

/** The key of a request that came with one. */
export function keyed(contract: Command, input: unknown, { caller, idempotencyKey }: Ask): Keyed | undefined {
  if (caller === undefined || idempotencyKey === undefined) return undefined;
  return { callerId: caller.sub, key: `rest:${idempotencyKey}`, hash: contentHash({ subject: contract.subject, input }) };
}

/** What these keys answered before, by `callerId` and `key`. */
export async function recall(tx: Tx, keys: readonly Keyed[]): Promise<(key: Keyed) => Remembered | undefined> {
  if (keys.length === 0) return () => undefined;
  const wanted = table({ callerId: "text", key: "text" }, keys.map(({ callerId, key }) => ({ callerId, key })));
  const rows = await tx.many(
    z.object({ user_id: z.string(), key: z.string(), request_hash: z.string(), created_at: z.number(), outcome: z.string(), answer: z.string().nullable() }),
    sql`select user_id, key, request_hash, created_at, outcome, answer from commands join ${wanted} as k (user_id, key) using (user_id, key)`,
  );
  const found = new Map(rows.map((row) => [slot(row.user_id, row.key), row]));
  return ({ callerId, key }) => {
    const row = found.get(slot(callerId, key));
    return row && { hash: row.request_hash, createdAtMs: row.created_at, outcome: row.outcome, answer: row.answer };
  };
}

/** One text for both; the NUL that separates them can be in neither. */
function slot(callerId: string, key: string): string {
  return `${callerId}\0${key}`;
}

/** The first answer again: a Reply, or the Fault it was. Other content under the key, or an answer too old, is a Fault too. */
export function replay(remembered: Remembered, { hash }: Keyed, nowMs: number): Reply | Fault {
  if (remembered.hash !== hash) {
    return new Fault("idempotency_conflict", "this Idempotency-Key was used for another request", { fix: "use a new key for a new request" });
  }
  if (remembered.answer === null || nowMs - remembered.createdAtMs > ANSWERS_KEPT_MS) {
    return new Fault("idempotency_key_expired", "this Idempotency-Key was used more than 7 days ago: it took effect then, and its answer is no longer kept");
  }
  if (remembered.outcome !== "ok") return Fault.fromBody(JSON.parse(remembered.answer) as FaultBody);
  return new Reply(remembered.answer, { replayed: true });
}

/** Whether an outcome is remembered under its key. */
export function isMemorable(outcome: Reply | Fault): boolean {
  return !(outcome instanceof Fault) || REMEMBERED_FAULTS.has(outcome.code);
}

/** Writes outcomes under their keys. A key that another transaction wrote meanwhile runs this one again. */
export async function remember(tx: Tx, outcomes: readonly { keyed: Keyed; outcome: Reply | Fault }[]): Promise<void> {
  const rows = outcomes
    .filter(({ outcome }) => isMemorable(outcome))
    .map(({ keyed: { callerId, key, hash }, outcome }) => ({
      user_id: callerId,
      key,
      request_hash: hash,
      outcome: outcome instanceof Fault ? outcome.code : "ok",
      answer: outcome instanceof Fault ? JSON.stringify(outcome.body()) : outcome.json,
    }));
  if (rows.length === 0) return;
  const columns = { user_id: "text", key: "text", request_hash: "text", outcome: "text", answer: "text" };
  await tx.run(sql`insert into commands (user_id, key, request_hash, outcome, answer) select * from ${table(columns, rows)}`);
}

/** Forgets answers after 7 days and keys after 100, a bounded number at a time; answers how many rows were touched. */
export async function forget(tx: Tx): Promise<number> {
  const emptied = await tx.run(
    sql`update commands set answer = null where ctid = any(array(
          select ctid from commands where created_at < now() - interval '7 days' and answer is not null limit 5000))`,
  );
  const dropped = await tx.run(sql`delete from commands where ctid = any(array(select ctid from commands where created_at < now() - interval '100 days' limit 5000))`);
  return emptied + dropped;
}
