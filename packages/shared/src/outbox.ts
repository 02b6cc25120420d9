/** Facts leave through here: stored in the transaction that made them true, published afterwards by the relay. */
import { z } from "zod";
import type { Event } from "./contract.ts";
import type { Db, Tx } from "./db.ts";
import { outboxAge, outboxRows } from "./metrics.ts";
import { sql, table } from "./sql.ts";
import { MESSAGE_MAX_BYTES } from "./streams.ts";
import { traceHeaders, type TraceHeaders } from "./telemetry.ts";

export interface Fact<D extends z.ZodType> {
  /** UUID: the event's id = the message's id = the consumer's key. */
  readonly id: string;
  readonly data: z.input<D>;
  /** The trace in which it became true, where that is not the active one. */
  readonly trace?: TraceHeaders;
}

/** Stores facts in the caller's transaction. Throws on one that no message could carry, before it blocks those behind it. */
export async function enqueue<D extends z.ZodType>(tx: Tx, event: Event<D>, facts: readonly Fact<D>[]): Promise<void> {
  if (facts.length === 0) return;
  const rows = facts.map(({ id, data, trace }) => {
    const payload = JSON.stringify(data);
    const headers = JSON.stringify({
      "ce-specversion": "1.0",
      "ce-id": id,
      "ce-source": "tollbooth",
      "ce-type": event.subject,
      "content-type": "application/json",
      ...(trace ?? traceHeaders()),
    });
    if (Buffer.byteLength(payload) + Buffer.byteLength(headers) > MESSAGE_MAX_BYTES - 1024)
      throw new Error(`a fact for ${event.subject} is too large to be sent`);
    return { event_id: id, subject: event.subject, headers, payload };
  });
  const columns = { event_id: "uuid", subject: "text", headers: "jsonb", payload: "jsonb" };
  await tx.run(
    sql`insert into outbox (event_id, subject, headers, payload) select * from ${table(columns, rows)} on conflict (event_id) do nothing`,
  );
}

const STATES = ["waiting", "published", "failed"] as const;
const StateRow = z.object({ state: z.enum(STATES), rows: z.coerce.number(), age_s: z.coerce.number() });

/** Tells how full the outbox is, and how long its oldest row has waited; answers what ends it. */
export function watchOutbox(db: Db): () => void {
  const read = async (value: (row: z.output<typeof StateRow> | undefined) => number) => {
    const rows = await db.many(
      StateRow,
      sql`select case when failed_at is not null then 'failed' when published_at is null then 'waiting' else 'published' end as state,
                 count(*) as rows, greatest(0, extract(epoch from now() - min(coalesce(failed_at, published_at, next_at)))) as age_s
          from outbox group by 1`,
    );
    return STATES.map((state) => ({ labels: { state }, value: value(rows.find((row) => row.state === state)) }));
  };
  const ends = [
    outboxRows.watch(() => read((row) => row?.rows ?? 0)),
    outboxAge.watch(() => read((row) => row?.age_s ?? 0)),
  ];
  return () => {
    for (const end of ends) end();
  };
}
