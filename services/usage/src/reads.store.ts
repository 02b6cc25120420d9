/** The SQL of reads: flat, whatever the number of events. */
import type { Tx } from "@tollbooth/shared/db";
import { MoneyText } from "@tollbooth/shared/money";
import { sql, type Sql } from "@tollbooth/shared/sql";
import { z } from "zod";
import type { Period, Pieces } from "./period.ts";
import type { Tally } from "./tally.ts";

const TallyRow = z.object({
  service: z.string(),
  model: z.string(),
  is_free: z.boolean(),
  events: z.coerce.number(),
  tokens: z.coerce.number(),
  cost: MoneyText,
});

/** What a user used in a period: one statement, so that sums and events are of the same moment. */
export async function readTallies(tx: Tx, userId: string, { days, hours, moments }: Pieces): Promise<Tally[]> {
  const within = (column: Sql, { start, end }: Period) => sql`${column} >= ${new Date(start)} and ${column} < ${new Date(end)}`;
  const bucket = sql`bucket`;
  const occurred = sql`occurred_at`;
  const summed = sql`service, model, is_free, event_count, tokens, total_cost`;
  // A stretch of its own for each union member: `or` would keep the planner from the partitions and the index.
  const parts = [
    sql`select ${summed} from usage_days where user_id = ${userId} and ${within(bucket, days)}`,
    ...hours.filter(isSome).map((period) => sql`select ${summed} from usage_hours where user_id = ${userId} and ${within(bucket, period)}`),
    ...moments
      .filter(isSome)
      .map((period) => sql`select service, coalesce(model, ''), is_free, 1, tokens_used, total_cost from usage_events where user_id = ${userId} and ${within(occurred, period)}`),
  ];
  const rows = await tx.many(
    TallyRow,
    sql`select service, model, is_free, sum(event_count) as events, sum(tokens) as tokens, sum(total_cost) as cost
        from (${parts.reduce((all, part) => sql`${all} union all ${part}`)}) as part group by service, model, is_free`,
  );
  return rows.map(({ is_free, ...row }) => ({ ...row, isFree: is_free }));
}

function isSome({ start, end }: Period): boolean {
  return start < end;
}

/** Whether anything was ever recorded of a user. */
export async function isKnown(tx: Tx, userId: string): Promise<boolean> {
  const { known } = await tx.one(z.object({ known: z.boolean() }), sql`select exists (select from usage_days where user_id = ${userId}) as known`);
  return known;
}
