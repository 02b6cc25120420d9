/** A real NATS server of our own, with JetStream on files. */
import { mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { until } from "./condition.ts";
import { startDaemon, tail, type Daemon } from "./daemon.ts";
import { dyingWithUs } from "./launch.ts";
import { endLeftover, runningOf, send } from "./leftover.ts";
import { findNats } from "./nats-binary.ts";
import { greeting } from "./ports.ts";

export interface NatsOptions {
  /** Where JetStream keeps its streams; made where it is not there yet. */
  readonly storeDir: string;
  readonly port: number;
  readonly logFile: string;
  /** Who may do what, in the broker's own words (`authorization`); without it anybody may do anything. */
  readonly usersFile?: string;
  /** The cluster that it is one of; without it, it is alone. */
  readonly cluster?: Cluster;
}

export interface Cluster {
  /** By which the others know it, across restarts. */
  readonly name: string;
  /** At which it hears the others. */
  readonly port: number;
  /** The same of all of them. */
  readonly ports: readonly number[];
  /** Who has it is one of them: it lets in without any user's key. */
  readonly password: string;
}

const RELOADED_WITHIN_MS = 10_000;
const STORE_MAX_BYTES = 64 * 1024 ** 3;
/** A batch of reports and its answer fit, and so will a chat with pictures. */
const PAYLOAD_MAX_BYTES = 16 * 1024 ** 2;

export interface LocalNats extends Daemon {
  readonly port: number;
  readonly url: string;
}

/**
 * Starts a broker on 127.0.0.1 and settles when it takes connections. What an earlier run left running on the same
 * store is ended first. Throws with the server's own words where it does not start.
 */
export async function startNats({ storeDir, port, logFile, usersFile, cluster }: NatsOptions): Promise<LocalNats> {
  const store = resolve(storeDir);
  const program = await findNats();
  await mkdir(store, { recursive: true });
  await endLeftoverNats(store);
  const config = `${store}.conf`;
  await writeFile(
    config,
    configuration(store, cluster) + (usersFile === undefined ? "" : inclusion(config, usersFile)),
    {
      mode: 0o600,
    },
  );
  const command = [
    program,
    "-c",
    config,
    "--addr",
    "127.0.0.1",
    "--port",
    String(port),
    "--pid",
    pidFileOf(store),
  ] as const;
  const daemon = await startDaemon({
    name: "NATS",
    launch: await dyingWithUs({ command }, "TERM"),
    logFile,
    stopSignal: "SIGTERM",
    isReady: () => hasJetStream(port),
  });
  return { ...daemon, port, url: `nats://127.0.0.1:${port}` };
}

/**
 * Limits that do not depend on the machine. Left to itself the broker takes three quarters of what is free on the disk
 * when it starts, and then refuses streams whose limits add up to more, even those that it already keeps.
 */
function configuration(store: string, cluster: Cluster | undefined): string {
  const limits = `jetstream { store_dir: ${JSON.stringify(store)}, max_file_store: ${STORE_MAX_BYTES} }\nmax_payload: ${PAYLOAD_MAX_BYTES}\n`;
  return cluster === undefined ? limits : limits + clustering(cluster);
}

function clustering({ name, port, ports, password }: Cluster): string {
  const routes = ports.map((each) => JSON.stringify(`nats://broker:${password}@127.0.0.1:${each}`));
  return `server_name: ${name}
cluster {
  name: tollbooth, host: 127.0.0.1, port: ${port}
  authorization { user: broker, password: ${JSON.stringify(password)} }
  routes: [${routes.join(", ")}]
}
`;
}

/** The broker takes a path from the folder of the file that names it, and nothing else. */
function inclusion(config: string, file: string): string {
  return `include ${JSON.stringify(relative(dirname(config), resolve(file)))}\n`;
}

/**
 * Lets the broker that runs on this store read its users anew, and settles when it has; answers whether one runs. Whose
 * permissions are as before stays connected. Throws with the broker's own words where it keeps the old ones.
 */
export async function reloadNats({ storeDir, logFile }: Pick<NatsOptions, "storeDir" | "logFile">): Promise<boolean> {
  const store = resolve(storeDir);
  const pid = await runningOf({ pidFile: pidFileOf(store), mark: store });
  if (pid === undefined) return false;
  const { size } = await stat(logFile);
  send(pid, "SIGHUP");
  const hasSaid = async (what: string) => (await tail(logFile, size)).includes(what);
  const [read, refused] = ["Reloaded server configuration", "Failed to reload server configuration"];
  await until(async () => (await hasSaid(read)) || (await hasSaid(refused)), RELOADED_WITHIN_MS);
  if (await hasSaid(read)) return true;
  throw new Error(`The broker did not read its users anew. ${await tail(logFile, size)}`.trim());
}

/** Ends the broker that a killed run left on this store; answers whether there was one. */
export async function endLeftoverNats(storeDir: string): Promise<boolean> {
  const store = resolve(storeDir);
  return endLeftover({ pidFile: pidFileOf(store), mark: store, signal: "SIGTERM" });
}

function pidFileOf(store: string): string {
  return `${store}.pid`;
}

/** A broker greets every client with what it is. */
async function hasJetStream(port: number): Promise<boolean> {
  const info = (await greeting(port))?.toString("utf8") ?? "";
  return info.startsWith("INFO ") && info.includes('"jetstream":true');
}
