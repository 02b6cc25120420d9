/**
 * What there is to compare a ledger with: the least that a deduction is. One transaction each, which locks the user's row,
 * changes it, and writes a line and the key that makes it happen once. 16 clients of pgbench ask for it, and of `pg` where
 * there is no pgbench.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { openDb } from "@tollbooth/shared/db";
import type { LocalPostgres } from "@tollbooth/shared/local/postgres";
import { sql } from "@tollbooth/shared/sql";
import { makeDatabase } from "./postgres.ts";
import { outputOf, runProgram } from "./program.ts";

const CLIENTS = 16;
const THREADS = 2;

export interface Yardstick {
  /** Who asks. */
  readonly name: string;
  /** Transactions a second, each for any of so many users. */
  perSecond(users: number, seconds: number): Promise<number>;
  /** Throws where what was taken is not what the lines say. */
  requireSound(): Promise<void>;
}

const TABLES = `
  create table accounts (user_id text primary key, balance numeric(28, 12) not null) with (fillfactor = 70);
  create table lines (id bigint generated always as identity primary key, user_id text not null, amount numeric(28, 12) not null, at timestamptz not null default now());
  create table keys (user_id text not null, key text not null, at timestamptz not null default now(), primary key (user_id, key));`;

const SCRIPT = `\\set n random(1, :users)
begin;
select balance from accounts where user_id = 'user-' || :n for update;
update accounts set balance = balance - 0.000001 where user_id = 'user-' || :n;
insert into lines (user_id, amount) values ('user-' || :n, -0.000001);
insert into keys (user_id, key) values ('user-' || :n, gen_random_uuid()::text);
commit;
`;

/** Makes its tables in a database of its own, for so many users. */
export async function openYardstick(postgres: LocalPostgres, folder: string, users: number): Promise<Yardstick> {
  const url = await makeDatabase(postgres, "yardstick");
  await within(url, async (db) => {
    await db.run({ text: TABLES, values: [] });
    await db.run(sql`insert into accounts select 'user-' || n, 1000000 from generate_series(1, ${users}::int) n`);
  });
  const script = join(folder, "deduction.sql");
  await writeFile(script, SCRIPT);
  const hasPgbench = await outputOf("pgbench", ["--version"]).then(
    () => true,
    () => false,
  );
  return {
    name: `${hasPgbench ? "pgbench" : "pg, in a process of its own"}, ${CLIENTS} clients`,
    perSecond: (some, seconds) =>
      hasPgbench
        ? pgbench(url, script, some, seconds)
        : runProgram<number>("clients", url, String(CLIENTS), String(some), String(seconds)),
    requireSound: () => requireSound(url),
  };
}

async function pgbench(url: string, script: string, users: number, seconds: number): Promise<number> {
  const { port, username, password, pathname } = new URL(url);
  // prettier-ignore
  const said = await outputOf("pgbench", [
    "-h", "127.0.0.1", "-p", port, "-U", username, "--no-vacuum", "-M", "prepared", "-c", String(CLIENTS), "-j", String(THREADS),
    "-T", String(seconds), "-D", `users=${users}`, "-f", script, pathname.slice(1),
  ], { ...process.env, PGPASSWORD: password });
  const [, perSecond] = /tps = ([\d.]+) \(without/.exec(said) ?? [];
  if (perSecond === undefined) throw new Error(`pgbench did not say how many: ${said}`);
  return Number(perSecond);
}

function requireSound(url: string): Promise<void> {
  return within(url, async (db) => {
    const { sound } = await db.one(
      z.object({ sound: z.boolean() }),
      sql`select (select sum(1000000 - balance) from accounts) = (select coalesce(-sum(amount), 0) from lines)
            and (select count(*) from lines) = (select count(*) from keys) as sound`,
    );
    if (!sound) throw new Error("the yardstick's own lines do not add up");
  });
}

async function within(url: string, work: (db: ReturnType<typeof openDb>) => Promise<void>): Promise<void> {
  const db = openDb({ url, name: "bench-yardstick", poolMax: 1 });
  try {
    await work(db);
  } finally {
    await db.close();
  }
}
