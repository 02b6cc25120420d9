/**
 * A key that a caller chose makes its effect happen once: the answer is remembered in the transaction of the effect and
 * given again, byte for byte. A key belongs to its caller, whomever he acts on.
 */
import { hash as digest } from "node:crypto";
import canonicalize from "canonicalize";
import { z } from "zod";
import type { Ask, Command } from "./contract.ts";
import type { Tx } from "./db.ts";
import { Fault, type FaultBody, type FaultCode } from "./fault.ts";
import { Reply } from "./handler.ts";
import { sql, table } from "./sql.ts";

/** One use of a key. */
export interface Keyed {
  readonly callerId: string;
  readonly key: string;
  /** sha256, hex, of what was asked. */
  readonly hash: string;
}

/** What a key answered first. */
interface Remembered {
  readonly hash: string;
  readonly createdAtMs: number;
  /** `ok`, or the code of the refusal. */
  readonly outcome: string;
  /** The reply's text, or the fault's body; no longer there after 7 days. */
  readonly answer: string | null;
}

const ANSWERS_KEPT_MS = 7 * 86_400_000;

/** The refusals that are remembered: what a caller did wrong (422) or we could not do (5xx) may be tried again under the same key. */
const REMEMBERED_FAULTS: ReadonlySet<string> = new Set<FaultCode>([
  "insufficient_credits",
  "hold_ended",
  "already_redeemed",
  "coupon_exists",
  "coupon_exhausted",
  "coupon_expired",
  "coupon_inactive",
]);

/** sha256 over the canonical JSON (RFC 8785) of a value, hex. */
export function contentHash(value: unknown): string {
  return digest("sha256", canonicalize(value) ?? "");
}

/** The key of a request that came with one. */
export function keyed(contract: Command, input: unknown, { caller, idempotencyKey }: Ask): Keyed | undefined {
  if (caller === undefined || idempotencyKey === undefined) return undefined;
  return {
    callerId: caller.sub,
    key: `rest:${idempotencyKey}`,
    hash: contentHash({ subject: contract.subject, input }),
  };
}

/** The keys of one transaction's requests: what they answered before, and what they answer now. */
export class Keys {
  readonly #known: Map<string, Remembered>;
  readonly #fresh: (Keyed & Remembered)[] = [];

  private constructor(known: Map<string, Remembered>) {
    this.#known = known;
  }

  /** Reads what these keys answered in earlier transactions. Call it after the locks that order the effects. */
  static async recall(tx: Tx, uses: readonly Keyed[]): Promise<Keys> {
    if (uses.length === 0) return new Keys(new Map());
    const wanted = table(
      { callerId: "text", key: "text" },
      uses.map(({ callerId, key }) => ({ callerId, key })),
    );
    const rows = await tx.many(
      z.object({
        user_id: z.string(),
        key: z.string(),
        request_hash: z.string(),
        created_at: z.number(),
        outcome: z.string(),
        answer: z.string().nullable(),
      }),
      sql`select distinct c.user_id, c.key, c.request_hash, c.created_at, c.outcome, c.answer from commands c join ${wanted} as k (user_id, key) using (user_id, key)`,
    );
    return new Keys(
      new Map(
        rows.map((row) => [
          slot(row.user_id, row.key),
          { hash: row.request_hash, createdAtMs: row.created_at, outcome: row.outcome, answer: row.answer },
        ]),
      ),
    );
  }

  /** The first outcome under this key, in an earlier transaction or in this one; where there is none, what `apply` does now. */
  once(use: Keyed | undefined, nowMs: number, apply: () => Reply | Fault): Reply | Fault {
    if (use === undefined) return apply();
    const before = this.before(use, nowMs);
    if (before !== undefined) return before;
    const at = slot(use.callerId, use.key);
    const outcome = apply();
    if (outcome instanceof Fault && !REMEMBERED_FAULTS.has(outcome.code)) return outcome;
    const fresh = {
      ...use,
      createdAtMs: nowMs,
      outcome: outcome instanceof Fault ? outcome.code : "ok",
      answer: outcome instanceof Fault ? JSON.stringify(outcome.body()) : outcome.json,
    };
    this.#known.set(at, fresh);
    this.#fresh.push(fresh);
    return outcome;
  }

  /** The first outcome under this key, or undefined where it has none yet: for effects that take several steps. */
  before(use: Keyed, nowMs: number): Reply | Fault | undefined {
    const known = this.#known.get(slot(use.callerId, use.key));
    return known && replay(known, use.hash, nowMs);
  }

  /** Writes what was answered now. A key that another transaction wrote meanwhile runs this one again, and then it is known. */
  async remember(tx: Tx): Promise<void> {
    if (this.#fresh.length === 0) return;
    const columns = { user_id: "text", key: "text", request_hash: "text", outcome: "text", answer: "text" };
    const rows = this.#fresh.map(({ callerId, key, hash, outcome, answer }) => ({
      user_id: callerId,
      key,
      request_hash: hash,
      outcome,
      answer,
    }));
    await tx.run(
      sql`insert into commands (user_id, key, request_hash, outcome, answer) select * from ${table(columns, rows)}`,
    );
  }
}

/** One text for both; the NUL that separates them can be in neither. */
function slot(callerId: string, key: string): string {
  return `${callerId}\0${key}`;
}

/** The first answer again. Other content under the key, or an answer that is no longer kept, is a refusal. */
function replay(known: Remembered, hash: string, nowMs: number): Reply | Fault {
  if (known.hash !== hash) {
    return new Fault("idempotency_conflict", "this Idempotency-Key was used for another request", {
      fix: "use a new key for a new request",
    });
  }
  if (known.answer === null || nowMs - known.createdAtMs > ANSWERS_KEPT_MS) {
    return new Fault(
      "idempotency_key_expired",
      "this Idempotency-Key was used more than 7 days ago: it took effect then, and its answer is no longer kept",
    );
  }
  if (known.outcome !== "ok") return Fault.fromBody(JSON.parse(known.answer) as FaultBody);
  return new Reply(known.answer, { replayed: true });
}

/** Forgets answers after 7 days and keys after 100, a bounded number at a time; answers how many rows were touched. */
export async function forgetAnswers(tx: Tx): Promise<number> {
  const emptied = await tx.run(
    sql`update commands set answer = null where ctid = any(array(
          select ctid from commands where created_at < now() - interval '7 days' and answer is not null limit 5000))`,
  );
  const dropped = await tx.run(
    sql`delete from commands where ctid = any(array(select ctid from commands where created_at < now() - interval '100 days' limit 5000))`,
  );
  return emptied + dropped;
}
