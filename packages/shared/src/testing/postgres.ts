/** A database of its own for every test file, cloned from a migrated template in some 30 ms. */
import { randomBytes } from "node:crypto";
import { afterAll, inject } from "vitest";
import { openDb, type Db } from "../db.ts";
import "./servers.ts";

export interface TestDatabase {
  readonly url: string;
  readonly db: Db;
}

/** Instead of a service's name: a database with nothing in it. */
const EMPTY = "empty";

/**
 * A database with all migrations of `services/<service>/migrations`, or for "empty" with none. Call it at the top
 * level of a test file: it is closed and dropped when the file's tests have ended.
 */
export async function testDatabase(service: string): Promise<TestDatabase> {
  const { postgresUrl, prefix } = inject("servers");
  const template = service === EMPTY ? "template0" : templateName(prefix, service);
  const name = `${prefix}_${service}_${randomBytes(4).toString("hex")}`;
  await administer(postgresUrl, `create database "${name}" template "${template}"`);
  const url = urlOf(postgresUrl, name);
  const db = openDb({ url, name: "test", poolMax: 10 });
  afterAll(async () => {
    await db.close();
    await administer(postgresUrl, `drop database "${name}" with (force)`);
  });
  return { url, db };
}

/** Runs one statement that no transaction or parameter can be part of, such as `create database`. */
export async function administer(postgresUrl: string, statement: string): Promise<void> {
  const db = openDb({ url: postgresUrl, name: "test-setup", poolMax: 1 });
  try {
    await db.run({ text: statement, values: [] });
  } finally {
    await db.close();
  }
}

/** The database that test databases of a service are cloned from. */
export function templateName(prefix: string, service: string): string {
  return `${prefix}_template_${service}`;
}

/** The URL of another database of the same server. */
export function urlOf(postgresUrl: string, database: string): string {
  const url = new URL(postgresUrl);
  url.pathname = `/${database}`;
  return url.href;
}
