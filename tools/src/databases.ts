/** The databases of the services in one Postgres: each with a role of its own that may enter no other. */
import { z } from "zod";
import { openDb, type Db } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";

/** The services that have a database. */
export const OWNERS = ["credits", "usage", "coupons", "openrouter"] as const;
export type Owner = (typeof OWNERS)[number];

/** A record with something of every owner. */
export function forEachOwner<T>(make: (owner: Owner) => T): Record<Owner, T> {
  return Object.fromEntries(OWNERS.map((owner) => [owner, make(owner)])) as Record<Owner, T>;
}

/** The setting that gives a service's database. */
export function databaseSetting(owner: Owner): string {
  return `${owner.toUpperCase()}_DATABASE_URL`;
}

const Found = z.object({ role: z.boolean(), database: z.boolean() });

/** Makes the roles and databases that are not there yet, and sets each role's password. Answers each service's URL. */
export async function makeDatabases(
  superuserUrl: string,
  passwords: Readonly<Record<Owner, string>>,
): Promise<Record<Owner, string>> {
  const db = openDb({ url: superuserUrl, name: "setup", poolMax: 1 });
  try {
    await command(db, "revoke connect on database postgres, template1 from public");
    for (const owner of OWNERS) await makeDatabase(db, nameOf(owner), passwords[owner]);
  } finally {
    await db.close();
  }
  return databaseUrlsOf(superuserUrl, passwords);
}

/** The URL of each service's database on a server. */
export function databaseUrlsOf(serverUrl: string, passwords: Readonly<Record<Owner, string>>): Record<Owner, string> {
  const urlOf = (owner: Owner) => {
    const url = new URL(serverUrl);
    url.username = nameOf(owner);
    url.password = passwords[owner];
    url.pathname = `/${nameOf(owner)}`;
    return url.href;
  };
  return forEachOwner(urlOf);
}

async function makeDatabase(db: Db, name: string, password: string): Promise<void> {
  const found = await db.one(
    Found,
    sql`select exists (select from pg_roles where rolname = ${name}) as role,
               exists (select from pg_database where datname = ${name}) as database`,
  );
  if (!found.role) await command(db, `create role ${name} login`);
  await command(db, `alter role ${name} password '${password}'`);
  if (!found.database) await command(db, `create database ${name} owner ${name}`);
  await command(db, `revoke all on database ${name} from public`);
}

/** Statements of this kind take no parameters. Names are ours, and our passwords are base64url: nothing to escape. */
async function command(db: Db, text: string): Promise<void> {
  await db.run({ text, values: [] });
}

function nameOf(owner: Owner): string {
  return `tollbooth_${owner}`;
}
