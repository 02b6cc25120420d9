/** Numbered .sql files, forward only, in the transaction that records them, one process at a time. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import type { Db } from "./db.ts";
import { sql } from "./sql.ts";

const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;
const LOCK = 7_105_114;

/**
 * Brings a database up to the folder's last migration. Safe to run by several processes at once, and again. Throws where
 * the database knows a migration that the folder has not, or has otherwise: the code does not fit the data.
 */
export async function migrate(db: Db, folder: string): Promise<void> {
  const files = (await readdir(folder)).filter((name) => FILE_NAME.test(name)).toSorted();
  const texts = await Promise.all(files.map((name) => readFile(path.join(folder, name), "utf8")));
  await db.tx(async (tx) => {
    await tx.run(sql`select pg_advisory_xact_lock(${LOCK})`);
    await tx.run(
      sql`create table if not exists migrations (name text primary key, sha256 text not null, applied_at timestamptz not null default now())`,
    );
    const rows = await tx.many(
      z.object({ name: z.string(), sha256: z.string() }),
      sql`select name, sha256 from migrations`,
    );
    const applied = new Map(rows.map((row) => [row.name, row.sha256]));
    const unknown = [...applied.keys()].filter((name) => !files.includes(name));
    if (unknown.length > 0)
      throw new Error(`this code is older than its database: it does not know ${unknown.join(", ")}`);
    for (const [i, name] of files.entries()) {
      const text = texts[i] as string;
      const hash = createHash("sha256").update(text).digest("hex");
      const before = applied.get(name);
      if (before !== undefined && before !== hash)
        throw new Error(
          `${name} is not what it was when this database was made by it: a migration is never changed, only added to`,
        );
      if (before !== undefined) continue;
      await tx.run({ text, values: [] });
      await tx.run(sql`insert into migrations (name, sha256) values (${name}, ${hash})`);
    }
  });
}
