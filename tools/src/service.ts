/** Our services as processes: which there are, what each is told, how one is started. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { startDaemon, type Daemon } from "@tollbooth/shared/local/daemon";
import { dyingWithUs } from "@tollbooth/shared/local/launch";
import { endLeftover } from "@tollbooth/shared/local/leftover";
import { serviceProgram } from "./checkout.ts";

export const SERVICES = ["credits", "usage", "coupons", "openrouter", "gateway"] as const;
export type Service = (typeof SERVICES)[number];

/** Settings that only the service which is named may know. */
const PRIVATE: Readonly<Record<Service, readonly string[]>> = {
  credits: ["CREDITS_DATABASE_URL"],
  usage: ["USAGE_DATABASE_URL"],
  coupons: ["COUPONS_DATABASE_URL"],
  openrouter: ["OPENROUTER_API_KEY", "OPENROUTER_DATABASE_URL", "OPENROUTER_VAULT_KEYS", "OPENROUTER_VAULT_KEYS_FILE"],
  gateway: ["AUTH_JWT_SECRET"],
};

/** The environment of one service: what all have, without what is private to another. */
export function environmentOf(service: Service, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const others = SERVICES.filter((other) => other !== service).flatMap((other) => PRIVATE[other]);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !others.includes(name)));
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
 * Starts a service of the platform in `folder`, and settles when it has a process: that it is of use is told by the
 * gateway's readiness. What an earlier run left of it is ended first.
 */
export async function startService(service: Service, folder: string, env: NodeJS.ProcessEnv): Promise<Daemon> {
  const program = serviceProgram(service);
  await endLeftoverService(service, folder);
  const daemon = await startDaemon({
    name: service,
    launch: await dyingWithUs({ command: [process.execPath, ...flagsOf(service), program] }, "TERM"),
    env: environmentOf(service, env),
    cwd: folder,
    logFile: logOf(service, folder),
    stopSignal: "SIGTERM",
    isReady: async () => true,
  });
  await mkdir(dirname(pidFileOf(service, folder)), { recursive: true });
  await writeFile(pidFileOf(service, folder), `${daemon.pid}\n`);
  return daemon;
}

/** Ends the service's process that a killed run left behind; answers whether there was one. */
export async function endLeftoverService(service: Service, folder: string): Promise<boolean> {
  return endLeftover({ pidFile: pidFileOf(service, folder), mark: serviceProgram(service), signal: "SIGTERM" });
}

/** Where a part of the platform in `folder` writes its log. */
export function logOf(part: string, folder: string): string {
  return join(folder, "logs", `${part}.log`);
}

function pidFileOf(service: Service, folder: string): string {
  return join(folder, "run", `${service}.pid`);
}
