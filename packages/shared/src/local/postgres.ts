/** A real Postgres of our own, from the binaries that npm brings: no Docker, nothing installed, root or not. */
import { resolve, join } from "node:path";
import { until } from "./condition.ts";
import { startDaemon, type Daemon, type DaemonOptions } from "./daemon.ts";
import { dyingWithUs } from "./launch.ts";
import { endLeftover } from "./leftover.ts";
import { greeting } from "./ports.ts";
import { findBinaries, openDataDir, SERVER_ENV } from "./postgres-files.ts";
import { placeFor } from "./unprivileged.ts";

export interface PostgresOptions {
  /** Made where it is not there yet; its password is kept beside it. */
  readonly dataDir: string;
  readonly port: number;
  readonly logFile: string;
  /** False lets a crash of the machine lose and corrupt data, and dead rows lie for a minute, for tests that want to be fast. */
  readonly fsync?: boolean;
}

export interface LocalPostgres extends Daemon {
  readonly port: number;
  /** A superuser's URL of a database. */
  url(database?: string): string;
}

const CONNECTIONS_MAX = 200;
/** Recovery after a crash reads the journal first. */
const READY_WITHIN_MS = 60_000;
/** How long the children of a server that was killed may hold its data: longer than a statement of our services may take. */
const ORPHANS_WITHIN_MS = 20_000;
const HELD_BY_ORPHANS = "pre-existing shared memory block";
/** Not synchronous_commit: what is committed must be with the kernel, so that only a crash of the machine can lose it. */
const UNSAFE = ["fsync", "full_page_writes"];

/**
 * Starts a Postgres 17 on 127.0.0.1 and settles when it takes connections. What an earlier run left running on the
 * same data is ended first. Throws with the server's own words where it does not start.
 */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const { port, logFile, fsync = true } = options;
  const place = await placeFor(await findBinaries(), resolve(options.dataDir));
  const password = await openDataDir(place, `${resolve(options.dataDir)}.password`, fsync);
  await endLeftoverPostgres(options.dataDir);

  // prettier-ignore
  const settings = [
    "listen_addresses=127.0.0.1", "unix_socket_directories=", `max_connections=${CONNECTIONS_MAX}`, "timezone=UTC",
    ...(fsync ? ["autovacuum_naptime=10s"] : UNSAFE.map((name) => `${name}=off`)),
  ];
  const server = join(place.binaries, "bin/postgres");
  const args = ["-D", place.dataDir, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])];
  const daemon = await startAfterOrphans({
    name: "Postgres",
    launch: await dyingWithUs(place.launch([server, ...args]), "INT"),
    env: SERVER_ENV,
    cwd: "/",
    logFile,
    stopSignal: "SIGINT",
    isReady: () => takesConnections(port),
    readyWithinMs: READY_WITHIN_MS,
  });
  const url = (database = "postgres") => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`;
  return { ...daemon, port, url };
}

/** A backend that was at work when its server was killed goes on for a while, and Postgres rightly waits for it. */
async function startAfterOrphans(options: DaemonOptions): Promise<Daemon> {
  let daemon: Daemon | undefined;
  let why: unknown;
  const isStarted = async () => {
    daemon = await startDaemon(options).catch((error: Error) => {
      if (!error.message.includes(HELD_BY_ORPHANS)) throw error;
      why = error;
      return undefined;
    });
    return daemon !== undefined;
  };
  await until(isStarted, ORPHANS_WITHIN_MS);
  if (daemon === undefined) throw why;
  return daemon;
}

/** Ends the server that a killed run left on this data; answers whether there was one. */
export async function endLeftoverPostgres(dataDir: string): Promise<boolean> {
  const place = await placeFor(await findBinaries(), resolve(dataDir));
  return endLeftover({ pidFile: join(place.dataDir, "postmaster.pid"), mark: place.dataDir, signal: "SIGINT" });
}

/** Asks for a password as a client does: a server that is still starting or recovering answers an error instead. */
async function takesConnections(port: number): Promise<boolean> {
  const protocol = Buffer.from([0, 3, 0, 0]);
  const body = Buffer.concat([protocol, Buffer.from("user\0postgres\0\0")]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + length.length);
  const answer = await greeting(port, Buffer.concat([length, body]));
  return answer?.toString("latin1", 0, 1) === "R";
}
