/** The servers under the services: those whose addresses are given are used, the others are started here. */
import { connect } from "node:net";
import { join } from "node:path";
import type { Daemon } from "@tollbooth/shared/local/daemon";
import { startNats } from "@tollbooth/shared/local/nats";
import { startPostgres } from "@tollbooth/shared/local/postgres";
import { openUsers } from "./broker/keys.ts";
import { databaseSetting, forEachOwner, OWNERS, type DatabaseUrls, type Owner } from "./databases.ts";
import { passwordsOf, type Kept } from "./kept.ts";
import { makeDatabases } from "./roles.ts";
import { logOf } from "./service.ts";

/** Starts a part and keeps it running. */
export type Keep = (name: "postgres" | "nats", start: () => Promise<Daemon>) => Promise<void>;

export interface ServerOptions {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly fsync: boolean;
  readonly kept: Kept;
  readonly keep: Keep;
}

export interface Addresses extends DatabaseUrls {
  readonly natsUrl: string;
  /** The folder with the seeds of the broker's users; undefined where a broker was given without. */
  readonly natsKeys: string | undefined;
}

const NATS_PORT = 4222;
const POSTGRES_PORT = 5432;

/** Settles when the broker and every service's database can be used. */
export async function startServers(options: ServerOptions): Promise<Addresses> {
  const [nats, urls] = await Promise.all([broker(options), databases(options)]);
  return { ...nats, ...urls };
}

/** Where the broker that runs in a folder keeps its streams. */
export function storeOf(folder: string): string {
  return join(folder, "nats");
}

/** Where the users of the broker that runs in a folder have their keys. */
export function keysOf(folder: string): string {
  return join(folder, "broker");
}

/** Where the Postgres that runs in a folder keeps its data. */
export function dataOf(folder: string): string {
  return join(folder, "postgres");
}

async function broker({ folder, env, kept, keep }: ServerOptions): Promise<Pick<Addresses, "natsUrl" | "natsKeys">> {
  const given = env.NATS_URL;
  if (given !== undefined && given !== "") {
    await requireAnswer("NATS_URL", given, NATS_PORT);
    return { natsUrl: given, natsKeys: env.NATS_KEYS || undefined };
  }
  const port = kept.natsPort;
  const usersFile = await openUsers(keysOf(folder));
  await keep("nats", () => startNats({ storeDir: storeOf(folder), port, logFile: logOf("nats", folder), usersFile }));
  return { natsUrl: `nats://127.0.0.1:${port}`, natsKeys: keysOf(folder) };
}

async function databases({ folder, env, fsync, kept, keep }: ServerOptions): Promise<DatabaseUrls> {
  const given = forEachOwner((owner) => env[databaseSetting(owner)] || undefined);
  for (const owner of OWNERS) {
    const url = given[owner];
    if (url !== undefined) await requireAnswer(databaseSetting(owner), url, POSTGRES_PORT);
  }
  if (isWhole(given)) return { databaseUrls: given, auditUrls: given };
  const options = { dataDir: dataOf(folder), port: kept.postgresPort, logFile: logOf("postgres", folder), fsync };
  let superuserUrl = "";
  await keep("postgres", async () => {
    const postgres = await startPostgres(options);
    superuserUrl = postgres.url();
    return postgres;
  });
  const { databaseUrls, auditUrls } = await makeDatabases(superuserUrl, passwordsOf(kept));
  const orGiven = (ours: Readonly<Record<Owner, string>>) => forEachOwner((owner) => given[owner] ?? ours[owner]);
  return { databaseUrls: orGiven(databaseUrls), auditUrls: orGiven(auditUrls) };
}

function isWhole(given: Record<Owner, string | undefined>): given is Record<Owner, string> {
  return OWNERS.every((owner) => given[owner] !== undefined);
}

/** Throws one sentence where nobody takes connections at a given address; of several, the first has to. */
async function requireAnswer(setting: string, address: string, usualPort: number): Promise<void> {
  const { hostname, port } = new URL(address.split(",")[0] ?? address);
  const socket = connect({ host: hostname, port: port === "" ? usualPort : Number(port), timeout: 3000 });
  const answers = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("timeout", () => resolve(false));
  });
  socket.destroy();
  if (!answers) throw new Error(`${setting} is set, but nobody answers at ${hostname}:${port || usualPort}.`);
}
