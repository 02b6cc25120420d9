/** Facts leave through here: stored in the transaction that made them true, published afterwards by the relay. */
import type { z } from "zod";
import type { Event } from "./contract.ts";
import type { Tx } from "./db.ts";
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
