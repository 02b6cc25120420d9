/** The SQL of partitions. Their names are made of numbers, since DDL takes no parameters. */
import type { Tx } from "@tollbooth/shared/db";
import { sql, type Sql } from "@tollbooth/shared/sql";
import { z } from "zod";
import type { Period } from "./period.ts";

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
export async function makeMonth(tx: Tx, { start, end }: Period): Promise<void> {
  const name = nameOf(start);
  // Nobody may add to DEFAULT between the move and the check that nothing of this month is left there.
  await tx.run(sql`lock table usage_events_default in access exclusive mode`);
  await tx.run(ddl(`create table ${name} (like usage_events including all)`));
  await tx.run({
    text: `with moved as (delete from usage_events_default where occurred_at >= $1 and occurred_at < $2 returning *) insert into ${name} select * from moved`,
    values: [new Date(start), new Date(end)],
  });
  const bounds = `from ('${new Date(start).toISOString()}') to ('${new Date(end).toISOString()}')`;
  await tx.run(ddl(`alter table usage_events attach partition ${name} for values ${bounds}`));
}

/** Drops a month's events; their sums stay. */
export async function dropMonth(tx: Tx, start: number): Promise<void> {
  await tx.run(ddl(`drop table ${nameOf(start)}`));
}

/** Deletes what no partition holds and is too old to be kept. */
export async function deleteEventsBefore(tx: Tx, at: number): Promise<void> {
  await tx.run(sql`delete from usage_events_default where occurred_at < ${new Date(at)}`);
}

/** Deletes some identities that are older than 100 days; answers how many. */
export function forgetIdentities(tx: Tx): Promise<number> {
  return tx.run(
    sql`delete from usage_event_ids where ctid = any(array(select ctid from usage_event_ids where recorded_at < now() - interval '100 days' limit 5000))`,
  );
}

function nameOf(start: number): string {
  const date = new Date(start);
  return `usage_events_${String(date.getUTCFullYear()).padStart(4, "0")}_${String(date.getUTCMonth() + 1).padStart(2, "0")}`;
}

function ddl(text: string): Sql {
  return { text, values: [] };
}
