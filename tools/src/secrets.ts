/** Invariant 11 of the databases: no provider's key stands in plain text in any column of any table. */
import { z } from "zod";
import type { Tx } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";

/** As text, and as the hexadecimal digits in which a row's text shows bytes. */
const KEY = "sk-or-v1-[A-Za-z0-9_-]{8}|736b2d6f722d76312d(2d|3[0-9]|[4-7][0-9a-f]){8}";

/** Of the tables that this role may read, those that hold a key in plain text, one text each: never the key. */
export async function plainKeys(tx: Tx): Promise<string[]> {
  const tables = await tx.many(
    z.object({ name: z.string() }),
    sql`select relname as name from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and has_table_privilege(oid, 'select')
        order by relname`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    // A name of the catalogue; statements take no parameters there.
    const { rows } = await tx.one(z.object({ rows: z.coerce.number() }), {
      text: `select count(*) as rows from "${name}" as t where t::text ~ $1`,
      values: [KEY],
    });
    if (rows > 0) found.push(`${name}: a key stands in ${rows} ${rows === 1 ? "row" : "rows"}`);
  }
  return found;
}
