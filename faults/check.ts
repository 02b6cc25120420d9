/** Invariant 8: what a client was told is what the books say, once. And nothing is in the books that nobody asked for. */
import { z } from "zod";
import { decimal } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import type { Books } from "../tools/src/reconcile.ts";
import { COUPON, type Effect } from "./effects.ts";

export interface Difference {
  /** Told as done, and not there, or not posted. */
  readonly lost: readonly string[];
  /** There, or posted, more than once. */
  readonly doubled: readonly string[];
  /** There although it was refused or nobody asked; or of another amount than was told. */
  readonly wrong: readonly string[];
}

/** What happened at usage or at coupons, and what credits must make of it. */
const FactRow = z.object({ user_id: z.string(), key: z.string(), id: z.string(), amount: z.string() });
const LineRow = z.object({ user_id: z.string(), key: z.string(), amount: z.string(), created_at: z.number() });
type FactRow = z.output<typeof FactRow>;
type LineRow = z.output<typeof LineRow>;

/** Compares what these users were told with what the databases hold of them. */
export async function differences(
  books: Books,
  users: readonly string[],
  effects: readonly Effect[],
): Promise<Difference> {
  const events = await books.usage.many(
    FactRow,
    sql`select user_id, source || ' ' || event_id as key, id, -charged as amount from usage_events where user_id = any(${users})`,
  );
  const redemptions = await books.coupons.many(
    FactRow,
    sql`select user_id, ${COUPON} || ' ' || code as key, id, credits_awarded as amount from coupon_redemptions where user_id = any(${users})`,
  );
  const lines = await books.credits.many(
    LineRow,
    sql`select user_id, key, amount, created_at from credit_transactions where user_id = any(${users}) and key is not null`,
  );
  const found = new Found([...events, ...redemptions], lines);
  for (const effect of effects) found.compare(effect);
  return found.rest();
}

class Found {
  readonly #facts: Map<string, FactRow[]>;
  readonly #lines: Map<string, LineRow[]>;
  readonly #lost: string[] = [];
  readonly #doubled: string[] = [];
  readonly #wrong: string[] = [];

  constructor(facts: readonly FactRow[], lines: readonly LineRow[]) {
    this.#facts = grouped(facts, (row) => slot(row.user_id, row.key));
    this.#lines = grouped(lines, (row) => slot(row.user_id, row.key));
  }

  compare(effect: Effect): void {
    const { kind, userId, key } = effect;
    const name = `${userId} ${key}`;
    const count = kind === "event" ? this.#postedFact(effect, name) : this.#postedLine(effect, name);
    if (effect.told === "done" && count === 0) this.#lost.push(name);
    if (effect.told === "refused" && count > 0) this.#wrong.push(`${name} was refused and is there`);
    if (count > 1) this.#doubled.push(`${name} is there ${count} times`);
  }

  /** What is there and was not compared: nobody asked for it. */
  rest(): Difference {
    const nobodys = [...this.#facts.keys(), ...this.#lines.keys()].map((name) => `nobody asked for ${name}`);
    return { lost: this.#lost, doubled: this.#doubled, wrong: [...this.#wrong, ...nobodys] };
  }

  #postedFact({ userId, key, amount }: Effect, name: string): number {
    const rows = take(this.#facts, slot(userId, key));
    for (const row of rows) {
      const owed = decimal(row.amount);
      if (amount !== undefined && !owed.eq(amount))
        this.#wrong.push(`${name} was told ${amount} and is ${owed.toFixed()}`);
      const lines = take(this.#lines, slot(userId, `event:${row.id}`));
      if (lines.length === 0 && !owed.isZero()) this.#lost.push(`${name} was never posted`);
      if (lines.length > 1) this.#doubled.push(`${name} was posted ${lines.length} times`);
      for (const line of lines) this.#expectAmount(line, owed.toFixed(), name);
    }
    return rows.length;
  }

  #postedLine({ userId, key, amount = "0", asked }: Effect, name: string): number {
    const lines = take(this.#lines, slot(userId, `rest:${key}`));
    for (const line of lines) {
      this.#expectAmount(line, amount, name);
      if (asked !== undefined && asked.wasDone !== line.created_at < asked.atMs)
        this.#wrong.push(
          `${name}: its key told that it was ${asked.wasDone ? "" : "not "}done before, and it is not so`,
        );
    }
    return lines.length;
  }

  #expectAmount(line: LineRow, amount: string, name: string): void {
    if (!decimal(line.amount).eq(amount)) this.#wrong.push(`${name} moved ${line.amount} instead of ${amount}`);
  }
}

function slot(userId: string, key: string): string {
  return `${userId}: ${key}`;
}

function grouped<R>(rows: readonly R[], keyOf: (row: R) => string): Map<string, R[]> {
  const groups = new Map<string, R[]>();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return groups;
}

function take<R>(groups: Map<string, R[]>, key: string): R[] {
  const rows = groups.get(key) ?? [];
  groups.delete(key);
  return rows;
}
