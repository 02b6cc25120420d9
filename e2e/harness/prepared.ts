/** What platforms under test begin with: databases as a first start makes them, made once for a run of tests, and few connections. */
import { inject } from "vitest";
import { output } from "@tollbooth/shared/local/command";
import { freePort } from "@tollbooth/shared/local/ports";
import { OWNERS } from "../../tools/src/databases.ts";
import { readKept, writeKept } from "../../tools/src/kept.ts";
import { dataOf } from "../../tools/src/servers.ts";

/** Few connections do for a few users, and each is a process of Postgres that has to start. */
export const SMALL_POOLS: NodeJS.ProcessEnv = Object.fromEntries(
  OWNERS.map((owner) => [`${owner.toUpperCase()}_DATABASE_POOL_MAX`, "4"]),
);

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
