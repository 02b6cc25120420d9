/** Whether the journal has what a flood was told: what was done once, what was refused never, and the rest at most once. */
import { z } from "zod";
import { openDb } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { ID } from "./flooding.ts";
import { SOURCE } from "./reporting.ts";

const [BEFORE = ""] = ID.split("{n}");
const Line = z.object({ id: z.string(), lines: z.coerce.number() });

/** Throws where a line is missing, doubled, or of a request that was refused; or where other than so many reports are there. */
export async function requireAcknowledged(creditsUrl: string, outcomes: string, reports: number): Promise<void> {
  const db = openDb({ url: creditsUrl, name: "bench-acknowledged", poolMax: 1 });
  try {
    const lines = await db.many(
      Line,
      sql`select metadata ->> 'event_id' as id, count(*) as lines from credit_transactions where metadata ->> 'event_id' like ${`${BEFORE}%`} group by 1`,
    );
    const found = new Map(lines.map(({ id, lines: count }) => [id, count]));
    const wrong = Array.from(outcomes).flatMap((outcome, n) => {
      const id = `${BEFORE}${n}`;
      const count = found.get(id) ?? 0;
      const isRight = outcome === "a" ? count === 1 : outcome === "r" ? count === 0 : count <= 1;
      return isRight ? [] : [`${id} was told "${outcome}" and has ${count} lines`];
    });
    if (wrong.length > 0) throw new Error(`${wrong.length} requests are not as they were told: ${wrong[0]}`);
    const reported = await db.one(
      z.object({ events: z.coerce.number(), lines: z.coerce.number() }),
      sql`select count(distinct metadata ->> 'event_id') as events, count(*) as lines from credit_transactions where metadata ->> 'source' = ${SOURCE}`,
    );
    if (reported.events !== reports || reported.lines !== reports)
      throw new Error(`of ${reports} reports ${reported.events} are in the journal, in ${reported.lines} lines`);
  } finally {
    await db.close();
  }
}
