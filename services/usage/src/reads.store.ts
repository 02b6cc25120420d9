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
  // A stretch of its own for each union member: `or` would keep the planner from the partitions and the index.
  const parts = [
    sql`select ${SUMMED} from usage_days where user_id = ${userId} and ${within(sql`bucket`, days)}`,
    ...hours
      .filter(isSome)
      .map(
        (stretch) =>
          sql`select ${SUMMED} from usage_hours where user_id = ${userId} and ${within(sql`bucket`, stretch)}`,
      ),
    ...moments.filter(isSome).map(
      (stretch) =>
        sql`select service, coalesce(model, ''), is_free, 1, tokens_used, total_cost
              from usage_events where user_id = ${userId} and ${within(sql`occurred_at`, stretch)}`,
    ),
  ];
  const rows = await tx.many(
    TallyRow,
    sql`select service, model, is_free, sum(event_count) as events, sum(tokens) as tokens, sum(total_cost) as cost
        from (${parts.reduce((all, part) => sql`${all} union all ${part}`)}) as part group by service, model, is_free`,
  );
  return rows.map(({ is_free, ...row }) => ({ ...row, isFree: is_free }));
}

const SUMMED = sql`service, model, is_free, event_count, tokens, total_cost`;

function within(column: Sql, { start, end }: Period): Sql {
  return sql`${column} >= ${new Date(start)} and ${column} < ${new Date(end)}`;
}

function isSome({ start, end }: Period): boolean {
  return start < end;
}

/** Whether anything was ever recorded of a user. */
export async function isKnown(tx: Tx, userId: string): Promise<boolean> {
  const { known } = await tx.one(
    z.object({ known: z.boolean() }),
    sql`select exists (select from usage_days where user_id = ${userId}) as known`,
  );
  return known;
}
