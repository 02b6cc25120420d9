/** The SQL of partitions. They are made and dropped by functions of the database, because the service itself may not. */
import type { Tx } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { z } from "zod";

const LOCK = 7_105_120;

/** One process at a time tends the months. */
export async function lockMonths(tx: Tx): Promise<void> {
  await tx.run(sql`select pg_advisory_xact_lock(${LOCK})`);
}

/** The months that have a partition, by their start. */
export async function readMonths(tx: Tx): Promise<number[]> {
  const rows = await tx.many(
    z.object({ month: z.string() }),
    sql`select substring(c.relname from '^usage_events_([0-9]{4}_[0-9]{2})$') as month from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'usage_events'::regclass and c.relname ~ '^usage_events_[0-9]{4}_[0-9]{2}$'`,
  );
  return rows.map(({ month }) => Date.parse(`${month.replace("_", "-")}-01`));
}

/** Makes a month's partition. What had to go to the DEFAULT partition meanwhile moves into it. */
export async function makeMonth(tx: Tx, start: number): Promise<void> {
  await tx.run(sql`select make_usage_month(${new Date(start)})`);
}

/** Drops a month's events; their sums stay. */
export async function dropMonth(tx: Tx, start: number): Promise<void> {
  await tx.run(sql`select drop_usage_month(${new Date(start)})`);
}

/** Deletes what is too old to be kept, of which only DEFAULT has any once the older months are dropped. */
export async function deleteEventsBefore(tx: Tx, at: number): Promise<void> {
  await tx.run(sql`delete from usage_events where occurred_at < ${new Date(at)}`);
}

/** Deletes some identities that are older than 100 days; answers how many. */
export function forgetIdentities(tx: Tx): Promise<number> {
  return tx.run(
    sql`delete from usage_event_ids where ctid = any(array(select ctid from usage_event_ids where recorded_at < now() - interval '100 days' limit 5000))`,
  );
}
