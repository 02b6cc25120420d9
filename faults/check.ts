/** Invariant 8: what a client was told is what the books say, once. And nothing is in the books that nobody asked for. */
import { z } from "zod";
import { decimal } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import type { Books } from "../tools/src/reconcile.ts";
import { eventKey, type Effect } from "./effects.ts";

export interface Difference {
  /** Told as done, and not there, or not charged. */
  readonly lost: readonly string[];
  /** There, or charged, more than once. */
  readonly doubled: readonly string[];
  /** There although it was refused or nobody asked; or of another amount than was told. */
  readonly wrong: readonly string[];
}

const EventRow = z.object({
  user_id: z.string(),
  source: z.string(),
  event_id: z.string(),
  id: z.string(),
  charged: z.string(),
});
const LineRow = z.object({ user_id: z.string(), key: z.string(), amount: z.string(), created_at: z.number() });
type EventRow = z.output<typeof EventRow>;
type LineRow = z.output<typeof LineRow>;

/** Compares what these users were told with what the databases hold of them. */
export async function differences(
  books: Books,
  users: readonly string[],
  effects: readonly Effect[],
): Promise<Difference> {
  const events = await books.usage.many(
    EventRow,
    sql`select user_id, source, event_id, id, charged from usage_events where user_id = any(${users})`,
  );
  const lines = await books.credits.many(
    LineRow,
    sql`select user_id, key, amount, created_at from credit_transactions where user_id = any(${users}) and key is not null`,
  );
  const found = new Found(events, lines);
  for (const effect of effects) found.compare(effect);
  return found.rest();
}

class Found {
  readonly #events: Map<string, EventRow[]>;
  readonly #lines: Map<string, LineRow[]>;
  readonly #lost: string[] = [];
  readonly #doubled: string[] = [];
  readonly #wrong: string[] = [];

  constructor(events: readonly EventRow[], lines: readonly LineRow[]) {
    this.#events = grouped(events, (row) => slot(row.user_id, eventKey(row.source, row.event_id)));
    this.#lines = grouped(lines, (row) => slot(row.user_id, row.key));
  }

  compare(effect: Effect): void {
    const { kind, userId, key } = effect;
    const name = `${userId} ${key}`;
    const count = kind === "event" ? this.#chargedEvent(effect, name) : this.#postedLine(effect, name);
    if (effect.told === "done" && count === 0) this.#lost.push(name);
    if (effect.told === "refused" && count > 0) this.#wrong.push(`${name} was refused and is there`);
    if (count > 1) this.#doubled.push(`${name} is there ${count} times`);
  }

  /** What is there and was not compared: nobody asked for it. */
  rest(): Difference {
    const nobodys = [...this.#events.keys(), ...this.#lines.keys()].map((name) => `nobody asked for ${name}`);
    return { lost: this.#lost, doubled: this.#doubled, wrong: [...this.#wrong, ...nobodys] };
  }

  #chargedEvent({ userId, key, amount }: Effect, name: string): number {
    const rows = take(this.#events, slot(userId, key));
    for (const { id, charged } of rows) {
      const owed = decimal(charged).neg();
      if (amount !== undefined && !owed.eq(amount))
        this.#wrong.push(`${name} was told ${amount} and is ${owed.toFixed()}`);
      const lines = take(this.#lines, slot(userId, `event:${id}`));
      if (lines.length === 0 && !owed.isZero()) this.#lost.push(`${name} was never charged`);
      if (lines.length > 1) this.#doubled.push(`${name} was charged ${lines.length} times`);
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
