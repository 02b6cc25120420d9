/**
 * The journal's hash chain: each line carries the hash over the line before and every column of its own, so that a change of
 * any byte shows. Who can write rows can rewrite a chain; therefore the audit keeps dated roots outside the database. Pure.
 */
import { hash as digest } from "node:crypto";

/** A journal line as its columns hold it, as texts: amounts with 12 places, times in milliseconds since 1970. */
export interface StoredLine {
  readonly user_id: string;
  readonly seq: string;
  readonly id: string;
  readonly transaction_type: string;
  readonly amount: string;
  readonly balance_after: string;
  readonly counterparty: string;
  readonly service: string | null;
  readonly model: string | null;
  readonly provider_cost: string | null;
  readonly markup: string | null;
  readonly draws: string;
  readonly actor_sub: string;
  readonly actor_role: string;
  readonly reason: string | null;
  readonly metadata: string;
  readonly key: string | null;
  readonly hold_id: string | null;
  readonly refunds: string | null;
  readonly trace_id: string | null;
  readonly created_at: string;
  readonly posted_at: string;
}

/** The hash before the first line. */
export const GENESIS = "";

/** sha256, hex. JSON of an array of texts, whole numbers and nulls has one spelling (it is RFC 8785 as it is). */
export function hashLine(previous: string, line: StoredLine): string {
  // prettier-ignore
  const columns = [
    previous, line.user_id, line.seq, line.id, line.transaction_type, line.amount, line.balance_after, line.counterparty, line.service,
    line.model, line.provider_cost, line.markup, line.draws, line.actor_sub, line.actor_role, line.reason, line.metadata, line.key,
    line.hold_id, line.refunds, line.trace_id, line.created_at, line.posted_at,
  ];
  return digest("sha256", JSON.stringify(columns));
}

/** Follows a user's chain line by line, from the first. */
export class ChainCheck {
  #head = GENESIS;
  #seq = 0n;

  /** The hash of the last line that was followed. */
  get head(): string {
    return this.#head;
  }

  /** Takes the next line; answers what is wrong with it, if anything is. */
  follow(line: StoredLine, hash: string): string | undefined {
    this.#seq += 1n;
    if (line.seq !== String(this.#seq)) return `line ${this.#seq} is missing: the next one is ${line.seq}`;
    const expected = hashLine(this.#head, line);
    this.#head = hash;
    return expected === hash ? undefined : `line ${line.seq} was changed, or one before it`;
  }
}
