/** The databases and roles of all services on the test run's Postgres, under names of the test file's own. */
import { randomBytes } from "node:crypto";
import { afterAll, inject } from "vitest";
import { administer } from "@tollbooth/shared/testing/postgres";
import { forEachOwner, OWNERS, rolesOf, type DatabaseUrls, type Owner, type Passwords } from "../databases.ts";
import { makeDatabases } from "../roles.ts";

export interface TestRoles {
  readonly urls: DatabaseUrls;
  readonly prefix: string;
  readonly passwords: Passwords;
}

/** Call it at the top level of a test file: all is dropped when the file's tests have ended. */
export async function testRoles(): Promise<TestRoles> {
  const { postgresUrl, prefix: run } = inject("servers");
  const prefix = `${run}_${randomBytes(4).toString("hex")}`;
  const passwords = { service: somePasswords(), audit: somePasswords() };
  afterAll(async () => {
    for (const owner of OWNERS) {
      const { database, ...roles } = rolesOf(owner, prefix);
      await administer(postgresUrl, `drop database if exists ${database} with (force)`);
      for (const role of Object.values(roles)) await administer(postgresUrl, `drop role if exists ${role}`);
    }
  });
  return { urls: await makeDatabases(postgresUrl, passwords, prefix), prefix, passwords };
}

function somePasswords(): Record<Owner, string> {
  return forEachOwner(() => randomBytes(8).toString("hex"));
}
