/** What happens to connections: those with Postgres are ended or used up, and what goes over a line is lost, late, slow or cut. */
import { setTimeout as pause } from "node:timers/promises";
import { openDb, type Session } from "@tollbooth/shared/db";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { forEachOwner, OWNERS } from "../tools/src/databases.ts";
import type { Books } from "../tools/src/reconcile.ts";
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
    name: `all of Postgres' connections taken for ${BAD_MS / 1000} s`,
    on: "postgres",
    to: (world) => exhaust(world, BAD_MS),
  },
];

/** Ends every connection that services have to their databases, as happens where one is restarted or fails over. */
async function cutConnections({ books }: World): Promise<void> {
  const cut = await endBackends(books);
  const none = OWNERS.filter((_, i) => cut[i] === 0);
  if (none.length > 0) throw new Error(`${none.join(", ")} had no connection to cut`);
}

/** Answers how many of each service. */
function endBackends(books: Books): Promise<number[]> {
  const ended = OWNERS.map((owner) =>
    books[owner].run(
      sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${`tollbooth-${owner}`}`,
    ),
  );
  return Promise.all(ended);
}

const TAKEN_AT_ONCE = 8;
const TAKES_WITHIN_MS = 10_000;

/** Takes every connection that Postgres has, those of the services too, and gives them back after a while. */
async function exhaust({ platform, books }: World, forMs: number): Promise<void> {
  const thief = forEachOwner((owner) => openDb({ url: platform.databaseUrls[owner], name: "thief", poolMax: 1 }));
  const taken: Session[] = [];
  const takeAll = async (owner: (typeof OWNERS)[number]) => {
    const take = async () => {
      const session = await thief[owner].session().catch(() => undefined);
      if (session !== undefined) taken.push(session);
      return session === undefined;
    };
    await Promise.all(Array.from({ length: TAKEN_AT_ONCE }, () => until(take, TAKES_WITHIN_MS)));
  };
  try {
    // Afterwards it could not be asked for any more.
    await Promise.all(OWNERS.map((owner) => books[owner].run(sql`select 1`)));
    await takeAll("credits");
    await endBackends(books);
    await takeAll("usage");
    await pause(forMs);
  } finally {
    await Promise.allSettled(taken.map((session) => session.close()));
    await Promise.all(OWNERS.map((owner) => thief[owner].close()));
  }
}
