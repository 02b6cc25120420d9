/** A law of a service's tables: what must hold, and the SQL that finds where it does not. */
import { z } from "zod";
import type { Tx } from "./db.ts";
import { sql, type Sql } from "./sql.ts";

export interface Law {
  /** Its number in docs/ARCHITECTURE.md, "What must hold". */
  readonly invariant: number;
  readonly says: string;
  /** Selects one text, named `breach`, for each place where it does not hold. */
  readonly breaches: Sql;
}

const SHOWN_MAX = 20;

/** Where the law does not hold, the first 20 places; empty where it holds everywhere. */
export async function breachesOf(tx: Tx, law: Law): Promise<string[]> {
  const rows = await tx.many(
    z.object({ breach: z.string() }),
    // Materialized: planned to be read whole, as it is where nothing is wrong. A plan for the first 20 of breaches that are
    // not there compares every line with every other.
    sql`with found as materialized (${law.breaches}) select breach from found limit ${SHOWN_MAX}`,
  );
  return rows.map((row) => row.breach);
}
