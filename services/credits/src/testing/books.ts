/** Whether the ledger's tables agree with each other: every way in which they do not, one text each. */
import { z } from "zod";
import type { Db } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";

export async function faultsInBooks(db: Db): Promise<string[]> {
  const rows = await db.many(
    z.object({ fault: z.string() }),
    sql`
      with journal as (
        select user_id, sum(amount) as total, count(*) as lines, max(seq) as last_seq from credit_transactions group by user_id
      ), lots as (
        select user_id, sum(remaining) filter (where active) as live, max(lot) as last_lot from credit_lots group by user_id
      ), running as (
        select user_id, seq, balance_after, sum(amount) over (partition by user_id order by seq) as total from credit_transactions
      )
      select a.user_id || ': balance ' || a.balance || ', journal ' || coalesce(j.total, 0) || ', lots + held - debt ' || coalesce(l.live, 0) + a.held - a.debt as fault
        from user_credits a left join journal j using (user_id) left join lots l using (user_id)
        where a.balance <> coalesce(j.total, 0) or a.balance <> coalesce(l.live, 0) + a.held - a.debt
      union all
      select a.user_id || ': seq has gaps' from user_credits a left join journal j using (user_id)
        where a.last_seq <> coalesce(j.last_seq, 0) or coalesce(j.lines, 0) <> coalesce(j.last_seq, 0)
      union all
      select user_id || ': balance_after of line ' || seq from running where balance_after <> total
      union all
      select t.user_id || ': draws of line ' || seq from credit_transactions t
        where amount <> (select sum((d->>'amount')::numeric) from json_array_elements(draws) d)`,
  );
  return rows.map((row) => row.fault);
}
