/** The databases that the first start of a platform makes, made once for a run of tests: other platforms begin with a copy. */
import { inject } from "vitest";
import type { TestProject } from "vitest/node";
import { output } from "@tollbooth/shared/local/command";
import { freePort } from "@tollbooth/shared/local/ports";
import { startPostgres } from "@tollbooth/shared/local/postgres";
import { testFolder } from "@tollbooth/shared/testing/find";
import { openKept, passwordsOf, readKept, writeKept } from "../../tools/src/kept.ts";
import { makeDatabases } from "../../tools/src/roles.ts";
import { dataOf } from "../../tools/src/servers.ts";
import { logOf } from "../../tools/src/service.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly prepared: string;
  }
}

/** Runs once before the tests. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { folder, remove } = await testFolder("prepared");
  const kept = await openKept(folder, await freePort(), 0);
  const files = { dataDir: dataOf(folder), logFile: logOf("postgres", folder) };
  const postgres = await startPostgres({ ...files, port: kept.postgresPort, fsync: false });
  try {
    await makeDatabases(postgres.url(), passwordsOf(kept));
  } finally {
    await postgres.stop();
  }
  project.provide("prepared", folder);
  return remove;
}

/** Lets the platform that will start in an empty folder find there what its first start would make; its ports are its own. */
export async function beginPrepared(folder: string): Promise<void> {
  const prepared = inject("prepared");
  // Of 2,400 files: node:fs takes five times as long.
  await output(["cp", "-R", dataOf(prepared), `${dataOf(prepared)}.password`, folder]);
  const kept = await readKept(prepared);
  if (kept === undefined) throw new Error(`nothing is kept in ${prepared}`);
  const ports = { postgresPort: await freePort(), natsPort: await freePort(), secondGatewayPort: await freePort() };
  await writeKept(folder, { ...kept, ...ports });
}
