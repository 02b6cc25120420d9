/** What a service did with the events it consumed: written with the effect, so that neither is there without the other. */
import { z } from "zod";
import type { Tx } from "./db.ts";
import { sql, table } from "./sql.ts";

interface EventKey {
  readonly userId: string;
  readonly eventId: string;
}

export type EventOutcome = "applied" | "rejected" | "dead";

/** The inbox of one consumer as one transaction sees it. */
export class Inbox {
  readonly #consumer: string;
  readonly #known: Map<string, EventOutcome>;
  readonly #fresh: (EventKey & { outcome: EventOutcome })[] = [];

  private constructor(consumer: string, known: Map<string, EventOutcome>) {
    this.#consumer = consumer;
    this.#known = known;
  }

  /** Reads what became of these events. Call it after the locks that order their effects. */
  static async read(tx: Tx, consumer: string, keys: readonly EventKey[]): Promise<Inbox> {
    if (keys.length === 0) return new Inbox(consumer, new Map());
    const wanted = table({ userId: "text", eventId: "uuid" }, keys);
    const rows = await tx.many(
      z.object({ event_id: z.string(), outcome: z.enum(["applied", "rejected", "dead"]) }),
      sql`select i.event_id, i.outcome from inbox i join ${wanted} as k (user_id, event_id) using (user_id, event_id) where i.consumer = ${consumer}`,
    );
    return new Inbox(consumer, new Map(rows.map((row) => [row.event_id, row.outcome])));
  }

  /** What became of an event; undefined where it was not dealt with yet. */
  outcome(eventId: string): EventOutcome | undefined {
    return this.#known.get(eventId);
  }

  /** Claims an event for this transaction. Answers false where it was dealt with before: then do nothing. */
  take(key: EventKey, outcome: EventOutcome): boolean {
    const known = this.#known.get(key.eventId);
    // A dead letter that is driven again is applied after all.
    if (known !== undefined && known !== "dead") return false;
    this.#known.set(key.eventId, outcome);
    this.#fresh.push({ ...key, outcome });
    return true;
  }

  /** Writes what was claimed. Throws where another transaction dealt with one meanwhile, so that its effect is undone here. */
  async write(tx: Tx): Promise<void> {
    if (this.#fresh.length === 0) return;
    const rows = table({ userId: "text", eventId: "uuid", outcome: "text" }, this.#fresh);
    const written = await tx.run(
      sql`insert into inbox as i (user_id, consumer, event_id, outcome)
          select e.user_id, ${this.#consumer}, e.event_id, e.outcome from ${rows} as e (user_id, event_id, outcome)
          on conflict (user_id, consumer, event_id) do update set outcome = excluded.outcome, processed_at = now() where i.outcome = 'dead'`,
    );
    if (written !== this.#fresh.length) throw new Error("an event was dealt with by another transaction meanwhile");
  }
}

/** Forgets events after 100 days, a bounded number at a time; answers how many. */
export function forgetEvents(tx: Tx): Promise<number> {
  return tx.run(
    sql`delete from inbox where ctid = any(array(select ctid from inbox where processed_at < now() - interval '100 days' limit 5000))`,
  );
}
