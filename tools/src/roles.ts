/**
 * Makes the databases of the services and their roles, brings the tables up to date, and grants each role what it needs.
 * A superuser's work: the services themselves may do none of it.
 */
import { join } from "node:path";
import { z } from "zod";
import { openDb, type Db, type Tx } from "@tollbooth/shared/db";
import { migrate } from "@tollbooth/shared/migrate";
import { sql } from "@tollbooth/shared/sql";
import { ROOT } from "./checkout.ts";
import { databaseUrlsOf, OWNERS, PREFIX, rolesOf, type DatabaseUrls, type Passwords, type Roles } from "./databases.ts";

/** What a service may do with a table of its own, where it is not select, insert, update and delete. */
// prettier-ignore
const LESS: Readonly<Record<string, string>> = {
  migrations: "select",
  // The journal and what became due stand for ever; so do prices, by which charges are explained.
  credit_transactions: "select, insert", period_charges: "select, insert", prices: "select, insert", price_rates: "select, insert",
  coupon_redemptions: "select, insert",
  // An operator's to change.
  tiers: "select",
  // They change, and are never gone.
  user_credits: "select, insert, update", credit_lots: "select, insert, update", credit_holds: "select, insert, update",
  discounts: "select, insert, update", usage_hours: "select, insert, update", usage_days: "select, insert, update",
  // Only what the DEFAULT partition still has of a month that is past its time is deleted.
  usage_events: "select, insert, delete", catalogue: "select, update", coupon_codes: "select, insert, update", dead_letters: "select, insert, update",
};
const ALL = "select, insert, update, delete";

/** Does all that is not done yet, sets the passwords, and answers the addresses. Safe to repeat. */
export async function makeDatabases(
  superuserUrl: string,
  passwords: Passwords,
  prefix = PREFIX,
): Promise<DatabaseUrls> {
  const all = OWNERS.map((owner) => ({ owner, roles: rolesOf(owner, prefix) }));
  await withDb(superuserUrl, async (db) => {
    await command(db, "revoke connect on database postgres, template1 from public");
    for (const { owner, roles } of all) await makeDatabase(db, roles, passwords.service[owner], passwords.audit[owner]);
  });
  await Promise.all(
    all.map(async ({ owner, roles }) => {
      const url = new URL(superuserUrl);
      url.pathname = `/${roles.database}`;
      await withDb(url.href, async (db) => handOver(db, roles));
      url.searchParams.set("options", `-c role=${roles.owner}`);
      await withDb(url.href, async (db) => {
        const isNewest = await migrate(db, join(ROOT, "services", owner, "migrations"));
        // A newer version has granted by a list that knows its tables.
        if (isNewest) await db.tx(async (tx) => grant(tx, roles));
      });
    }),
  );
  return databaseUrlsOf(superuserUrl, passwords, prefix);
}

const Found = z.object({ there: z.boolean() });

async function makeDatabase(db: Db, roles: Roles, password: string, auditPassword: string): Promise<void> {
  const { database, owner, service, audit } = roles;
  for (const role of [owner, service, audit]) {
    const { there } = await db.one(Found, sql`select exists (select from pg_roles where rolname = ${role}) as there`);
    if (!there) await command(db, `create role ${role}`);
  }
  await command(db, `alter role ${service} login password '${quoted(password)}'`);
  await command(db, `alter role ${audit} login password '${quoted(auditPassword)}'`);
  await command(db, `alter role ${audit} set default_transaction_read_only = on`);
  const { there } = await db.one(
    Found,
    sql`select exists (select from pg_database where datname = ${database}) as there`,
  );
  await command(
    db,
    there ? `alter database ${database} owner to ${owner}` : `create database ${database} owner ${owner}`,
  );
  await command(db, `revoke all on database ${database} from public`);
  await command(db, `grant connect on database ${database} to ${service}, ${audit}`);
}

/** What is in the database belongs to its owner, also where a service made it before there was one. */
async function handOver(db: Db, { owner, service, audit }: Roles): Promise<void> {
  await command(db, `reassign owned by ${service} to ${owner}`);
  await command(db, "revoke all on schema public from public");
  await command(db, `grant usage, create on schema public to ${owner}`);
  await command(db, `grant usage on schema public to ${service}, ${audit}`);
}

const Table = z.object({ name: z.string(), isView: z.boolean() });

/** Partitions are used through their table. */
async function grant(tx: Tx, { service, audit }: Roles): Promise<void> {
  await command(tx, `revoke all on all tables in schema public from ${service}, ${audit}`);
  await command(tx, "revoke execute on all functions in schema public from public");
  await command(tx, `grant execute on all functions in schema public to ${service}`);
  const tables = await tx.many(
    Table,
    sql`select relname as name, relkind = 'v' as "isView" from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v') and not relispartition`,
  );
  for (const { name, isView } of tables) {
    await command(tx, `grant ${isView ? "select" : (LESS[name] ?? ALL)} on ${name} to ${service}`);
    await command(tx, `grant select on ${name} to ${audit}`);
  }
}

async function withDb(url: string, work: (db: Db) => Promise<void>): Promise<void> {
  const db = openDb({ url, name: "setup", poolMax: 1 });
  try {
    await work(db);
  } finally {
    await db.close();
  }
}

function quoted(password: string): string {
  return password.replaceAll("'", "''");
}

/** Statements of this kind take no parameters, and the names in them are ours. */
async function command(tx: Tx, text: string): Promise<void> {
  await tx.run({ text, values: [] });
}
