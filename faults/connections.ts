/** What happens to connections: those with Postgres are ended or refused, and what goes over a line is lost, late, slow or cut. */
import { setTimeout as pause } from "node:timers/promises";
import type { Db } from "@tollbooth/shared/db";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { serverDb } from "../e2e/harness/platform.ts";
import { OWNERS, rolesOf } from "../tools/src/databases.ts";
import type { Harm } from "./harms.ts";
import type { Line } from "./line.ts";
import type { World } from "./world.ts";

/** Longer than a client waits. */
const BAD_MS = 4_000;
const POOR_MS = 2_000;
const LATE_MS = 150;
const SLOW_BYTES_A_S = 20_000;

/** What can happen to a line. */
function ofLine(name: string, on: Harm["on"], lineOf: (world: World) => Line): Harm[] {
  const harm = (what: string, to: (line: Line) => Promise<void>): Harm => ({
    kind: `the line to ${name}`,
    name: `${what} the line to ${name}`,
    on,
    to: (world) => to(lineOf(world)),
  });
  return [
    harm("a reset of", (line) => line.reset()),
    harm("a blackhole on", (line) => line.blackhole(BAD_MS)),
    harm("a delay on", (line) => line.delay(LATE_MS, POOR_MS)),
    harm("a narrow place on", (line) => line.throttle(SLOW_BYTES_A_S, POOR_MS)),
  ];
}

export const LINES: readonly Harm[] = [
  ...ofLine("the broker", "nats", ({ lines }) => lines.nats),
  ...ofLine("Postgres", "postgres", ({ lines }) => lines.postgres),
];

export const PROVIDER_LINE: readonly Harm[] = ofLine("OpenRouter", "provider", ({ provider }) => provider.line);

export const CONNECTIONS: readonly Harm[] = [
  {
    kind: "database connections cut",
    name: "all database connections cut",
    on: "postgres",
    to: cutConnections,
  },
  {
    kind: "connections exhausted",
    name: `no connection to Postgres for ${BAD_MS / 1000} s`,
    on: "postgres",
    to: (world) => exhaust(world, BAD_MS),
  },
];

/** Ends every connection that services have to their databases, as happens where one is restarted or fails over. */
async function cutConnections({ folder }: World): Promise<void> {
  const server = await serverDb(folder);
  try {
    const cut = await endBackends(server);
    const none = OWNERS.filter((_, i) => cut[i] === 0);
    if (none.length > 0) throw new Error(`${none.join(", ")} had no connection to cut`);
  } finally {
    await server.close();
  }
}

/** Answers how many of each service. */
function endBackends(server: Db): Promise<number[]> {
  const ended = OWNERS.map((owner) =>
    server.run(
      sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${`tollbooth-${owner}`}`,
    ),
  );
  return Promise.all(ended);
}

const ANY_NUMBER = -1;
const TOO_MANY_CONNECTIONS = "53300";
const GIVES_BACK_WITHIN_MS = 30_000;

/** Refuses services every connection, as where all that Postgres has are taken, and ends those they have. Throws where one still gets in. */
async function exhaust({ folder, books }: World, forMs: number): Promise<void> {
  const server = await serverDb(folder);
  const allow = async (count: number) => {
    for (const owner of OWNERS)
      await server.run({ text: `alter role ${rolesOf(owner).service} connection limit ${count}`, values: [] });
  };
  const isGivenBack = () =>
    allow(ANY_NUMBER).then(
      () => true,
      () => false,
    );
  try {
    await allow(0);
    await endBackends(server);
    await Promise.all(OWNERS.map((owner) => requireRefusal(books[owner])));
    await pause(forMs);
  } finally {
    // It outlives a restart of Postgres, which may be on its way just now.
    if (!(await until(isGivenBack, GIVES_BACK_WITHIN_MS)))
      console.log("  services still get no connection to Postgres");
    await server.close();
  }
}

async function requireRefusal(db: Db): Promise<void> {
  const told = await db.session().then(
    async (session) => session.close(),
    (error: { readonly code?: unknown }) => error.code,
  );
  if (told !== TOO_MANY_CONNECTIONS) throw new Error(`Postgres says ${String(told)}, and not ${TOO_MANY_CONNECTIONS}`);
}
