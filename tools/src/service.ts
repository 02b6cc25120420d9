/** Our services as processes: which there are, what each is told, how one is started. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { startDaemon, type Daemon } from "@tollbooth/shared/local/daemon";
import { dyingWithUs } from "@tollbooth/shared/local/launch";
import { endLeftover } from "@tollbooth/shared/local/leftover";
import { serviceProgram } from "./checkout.ts";

export const SERVICES = ["credits", "usage", "coupons", "openrouter", "gateway"] as const;
export type Service = (typeof SERVICES)[number];

/** One process of a service, by which its log and its pid file are named. */
export type Process = Service | `${Service}-2`;

/** The processes of a platform: one of each service, or two where it is scaled out. */
export function processesOf(isScaled: boolean): readonly Process[] {
  return isScaled ? [...SERVICES, ...SERVICES.map(secondOf)] : SERVICES;
}

function secondOf(service: Service): Process {
  return `${service}-2`;
}

/** The service that a process is one of. */
export function serviceOf(process: Process): Service {
  return process.replace(/-2$/, "") as Service;
}

/** Settings that only the service which is named may know. */
const PRIVATE: Readonly<Record<Service, readonly string[]>> = {
  credits: ["CREDITS_DATABASE_URL"],
  usage: ["USAGE_DATABASE_URL"],
  coupons: ["COUPONS_DATABASE_URL"],
  openrouter: ["OPENROUTER_API_KEY", "OPENROUTER_DATABASE_URL", "OPENROUTER_VAULT_KEYS", "OPENROUTER_VAULT_KEYS_FILE"],
  gateway: ["AUTH_JWT_SECRET"],
};

/** A second process on one machine needs a port of its own for its metrics: so many further up. */
const METRICS_PORTS_APART = 10;

/** The environment of one process: what all have, without what is private to another service. */
export function environmentOf(process: Process, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const service = serviceOf(process);
  const others = SERVICES.filter((other) => other !== service).flatMap((other) => PRIVATE[other]);
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => !others.includes(name)));
  const metrics = `${service.toUpperCase()}_METRICS_PORT`;
  if (process === service || !own[metrics]) return own;
  return { ...own, [metrics]: String(Number(own[metrics]) + METRICS_PORTS_APART) };
}

/**
 * As compose.yaml starts them. What batches have in hand outlives a young generation of the usual 16 MB many times, and each
 * time is copied: with 64 MB a command of the ledger takes a sixth less of the processor. Who does not batch only grows by it.
 */
const BATCHING: ReadonlySet<Service> = new Set(["credits", "usage"]);
const flagsOf = (service: Service) => [
  "--enable-source-maps",
  ...(BATCHING.has(service) ? ["--max-semi-space-size=64"] : []),
];

/**
 * Starts a process of the platform in `folder`, and settles when there is one: that it is of use is told by the
 * gateway's readiness. What an earlier run left of it is ended first.
 */
export async function startProcess(name: Process, folder: string, env: NodeJS.ProcessEnv): Promise<Daemon> {
  const program = serviceProgram(serviceOf(name));
  await endLeftoverProcess(name, folder);
  const daemon = await startDaemon({
    name,
    launch: await dyingWithUs({ command: [process.execPath, ...flagsOf(serviceOf(name)), program] }, "TERM"),
    env: environmentOf(name, env),
    cwd: folder,
    logFile: logOf(name, folder),
    // Who refuses comes before who does: else refusals wait for what there is too much of (docs/adr/0056).
    yields: serviceOf(name) !== "gateway",
    stopSignal: "SIGTERM",
    isReady: async () => true,
  });
  await mkdir(dirname(pidFileOf(name, folder)), { recursive: true });
  await writeFile(pidFileOf(name, folder), `${daemon.pid}\n`);
  return daemon;
}

/** Ends every process of a service that a killed run left in `folder`, whichever way it was started; answers which there were. */
export async function endLeftoverProcesses(folder: string): Promise<Process[]> {
  const ended = await Promise.all(
    processesOf(true).map(async (name) => ((await endLeftoverProcess(name, folder)) ? [name] : [])),
  );
  return ended.flat();
}

async function endLeftoverProcess(name: Process, folder: string): Promise<boolean> {
  const mark = serviceProgram(serviceOf(name));
  return endLeftover({ pidFile: pidFileOf(name, folder), mark, signal: "SIGTERM" });
}

/** Where a part of the platform in `folder` writes its log. */
export function logOf(part: string, folder: string): string {
  return join(folder, "logs", `${part}.log`);
}

function pidFileOf(name: Process, folder: string): string {
  return join(folder, "run", `${name}.pid`);
}
