/** The servers under the services: those whose addresses are given are used, the others are started here. */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { join } from "node:path";
import type { Daemon } from "@tollbooth/shared/local/daemon";
import { endLeftoverNats, startNats, type Cluster } from "@tollbooth/shared/local/nats";
import { freePort } from "@tollbooth/shared/local/ports";
import { startPostgres } from "@tollbooth/shared/local/postgres";
import { openUsers } from "./broker/keys.ts";
import { databaseSetting, forEachOwner, OWNERS, type DatabaseUrls, type Owner } from "./databases.ts";
import { natsUrlOf, passwordsOf, type Kept } from "./kept.ts";
import { makeDatabases } from "./roles.ts";
import { logOf } from "./service.ts";

const ALONE = ["nats"] as const;
/** As many as can lose one and still agree. */
const CLUSTER = ["nats-1", "nats-2", "nats-3"] as const;
/** Brokers have other names, and so other stores, in a cluster: a broker that joins one throws away what the cluster does not know. */
const BROKERS = [...ALONE, ...CLUSTER];
export type Broker = (typeof BROKERS)[number];

/** The brokers of a platform: one, or a cluster of them where it is scaled out. */
export function brokersOf(isScaled: boolean): readonly Broker[] {
  return isScaled ? CLUSTER : ALONE;
}

/** Starts a part and keeps it running. */
export type Keep = (name: "postgres" | Broker, start: () => Promise<Daemon>) => Promise<void>;

export interface ServerOptions {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly fsync: boolean;
  readonly kept: Kept;
  readonly brokers: readonly Broker[];
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

/** Where a broker that runs in a folder keeps its streams. */
export function storeOf(folder: string, name: Broker): string {
  return join(folder, name);
}

/** Does something with every broker that may run in a folder, whichever way it was started; answers those of which it is so. */
export async function brokersThat(
  folder: string,
  is: (store: string, name: Broker) => Promise<boolean>,
): Promise<Broker[]> {
  const found = await Promise.all(BROKERS.map(async (name) => ((await is(storeOf(folder, name), name)) ? [name] : [])));
  return found.flat();
}

/** Where the users of the broker that runs in a folder have their keys. */
export function keysOf(folder: string): string {
  return join(folder, "broker");
}

/** Where the Postgres that runs in a folder keeps its data. */
export function dataOf(folder: string): string {
  return join(folder, "postgres");
}

async function broker(options: ServerOptions): Promise<Pick<Addresses, "natsUrl" | "natsKeys">> {
  const { folder, env, kept } = options;
  const given = env.NATS_URL;
  if (given !== undefined && given !== "") {
    await requireAnswer("NATS_URL", given, NATS_PORT);
    return { natsUrl: given, natsKeys: env.NATS_KEYS || undefined };
  }
  // Those of a killed run that was started the other way would go on beside ours.
  await brokersThat(folder, endLeftoverNats);
  await startBrokers(options, await openUsers(keysOf(folder)));
  return { natsUrl: natsUrlOf(kept), natsKeys: keysOf(folder) };
}

async function startBrokers({ folder, kept, brokers, keep }: ServerOptions, usersFile: string): Promise<void> {
  const ports = kept.clusterPorts.length === 0 ? [kept.natsPort] : kept.clusterPorts;
  const clusters = await clustered(brokers);
  await Promise.all(
    brokers.map((name, i) => {
      const own = { storeDir: storeOf(folder, name), port: ports[i] as number, logFile: logOf(name, folder) };
      return keep(name, () => startNats({ ...own, usersFile, ...(clusters[i] && { cluster: clusters[i] }) }));
    }),
  );
}

/** How several brokers find and know each other; nothing for one. */
async function clustered(brokers: readonly Broker[]): Promise<Cluster[]> {
  if (brokers.length === 1) return [];
  const ports: number[] = [];
  for (const _ of brokers) ports.push(await freePort());
  const password = randomBytes(24).toString("hex");
  return brokers.map((name, i) => ({ name, port: ports[i] as number, ports, password }));
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
