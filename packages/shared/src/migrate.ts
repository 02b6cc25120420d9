/** Numbered .sql files, forward only, in the transaction that records them, one process at a time. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import type { Db, Tx } from "./db.ts";
import { sql, type Sql } from "./sql.ts";

const FILE_NAME = /^\d{4}_[a-z0-9_]+\.sql$/;
/** One that takes away says in its name which migration code has to know to do without: 0012_drop_a_column_after_0009.sql. */
const CONTRACTION = /_after_(?<needed>\d{4})\.sql$/;
const LOCK = 7_105_114;

const RECORD: readonly Sql[] = [
  sql`create table if not exists migrations (name text primary key, sha256 text not null, applied_at timestamptz not null default now())`,
  sql`comment on table migrations is 'The migrations that made this database what it is'`,
  sql`comment on column migrations.name is 'The file'`,
  sql`comment on column migrations.sha256 is 'Of its text: one that was applied is never changed'`,
  sql`comment on column migrations.applied_at is 'When'`,
];

/**
 * Brings a database up to the folder's last migration, and answers whether that is its last: not where a newer version has
 * added to it, beside which this code goes on. Safe to run by several processes at once, and again; a role that
 * may change nothing can run it where nothing is outstanding. Throws where something is and the role may not apply it, and
 * where the code does not fit the data: the database knows a migration that the folder has otherwise, or one that the folder
 * has not and that leaves no room for the code of before.
 */
export async function migrate(db: Db, folder: string): Promise<boolean> {
  const files = (await readdir(folder)).filter((name) => FILE_NAME.test(name)).toSorted();
  const texts = new Map<string, string>();
  for (const name of files) texts.set(name, await readFile(path.join(folder, name), "utf8"));
  return db.tx(async (tx) => {
    await tx.run(sql`select pg_advisory_xact_lock(${LOCK})`);
    const applied = await readApplied(tx);
    const outstanding = files.filter((name) => !applied.has(name));
    const unknown = [...applied.keys()].filter((name) => !texts.has(name));
    requireRoom(outstanding.length > 0 ? unknown : unknown.filter((name) => !leavesRoom(name, files)));
    for (const [name, text] of texts) {
      if (applied.has(name) && applied.get(name) !== hashOf(text))
        throw new Error(
          `${name} is not what it was when this database was made by it: a migration is never changed, only added to`,
        );
    }
    if (outstanding.length === 0) return unknown.length === 0;
    await requireOwner(tx, outstanding);
    for (const statement of RECORD) await tx.run(statement);
    for (const name of outstanding) {
      const text = texts.get(name) as string;
      await tx.run({ text, values: [] });
      await tx.run(sql`insert into migrations (name, sha256) values (${name}, ${hashOf(text)})`);
    }
    return true;
  });
}

function requireRoom(unfit: readonly string[]): void {
  if (unfit.length === 0) return;
  throw new Error(
    `this code is older than its database: it does not know ${unfit.join(", ")}. Start the version that does`,
  );
}

/** Whether code whose last migration is the last of these files can work beside a newer one, because that only adds. */
function leavesRoom(name: string, files: readonly string[]): boolean {
  const last = numberOf(files.at(-1) ?? "0000");
  return numberOf(name) > last && (CONTRACTION.exec(name)?.groups?.["needed"] ?? "0000") <= last;
}

function numberOf(name: string): string {
  return name.slice(0, "0000".length);
}

async function readApplied(tx: Tx): Promise<Map<string, string>> {
  const { there } = await tx.one(
    z.object({ there: z.boolean() }),
    sql`select to_regclass('migrations') is not null as there`,
  );
  if (!there) return new Map();
  const rows = await tx.many(
    z.object({ name: z.string(), sha256: z.string() }),
    sql`select name, sha256 from migrations`,
  );
  return new Map(rows.map((row) => [row.name, row.sha256]));
}

async function requireOwner(tx: Tx, outstanding: readonly string[]): Promise<void> {
  const { may } = await tx.one(
    z.object({ may: z.boolean() }),
    sql`select has_schema_privilege(current_schema(), 'create') as may`,
  );
  if (!may)
    throw new Error(
      `the database is older than this code, and this role may not change it: its owner applies ${outstanding.join(", ")} (npm start and npm run migrate do)`,
    );
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
