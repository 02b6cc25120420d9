/** The version before this one, as processes on a world's servers: where it was before an upgrade, and beside it meanwhile. */
import { join } from "node:path";
import { scrape } from "../e2e/harness/metrics.ts";
import { serverUrl } from "../e2e/harness/platform.ts";
import { output } from "@tollbooth/shared/local/command";
import { until } from "@tollbooth/shared/local/condition";
import { startDaemon } from "@tollbooth/shared/local/daemon";
import { dyingWithUs } from "@tollbooth/shared/local/launch";
import { freePort } from "@tollbooth/shared/local/ports";
import { administer } from "@tollbooth/shared/testing/postgres";
import { ROOT } from "../tools/src/checkout.ts";
import { auditSetting, databaseSetting, OWNERS, rolesOf } from "../tools/src/databases.ts";
import { readKept } from "../tools/src/kept.ts";
import { environmentOf, logOf, SERVICES, type Service } from "../tools/src/service.ts";
import { Supervised } from "../tools/src/supervisor.ts";
import type { World } from "./world.ts";

const WITHIN_MS = 30_000;
/** Answered something, or took something from a stream. */
const HAS_WORKED = /^tollbooth_(answer_duration_seconds_count|consumer_messages_total)\{.*\} [1-9]/m;

/** Brings the databases of a world up to date as `npm run migrate` of a checkout does. */
export async function migrateAs({ platform, folder }: World, checkout = ROOT): Promise<void> {
  const urls = OWNERS.flatMap((owner) => [
    [databaseSetting(owner), platform.databaseUrls[owner]],
    [auditSetting(owner), platform.auditUrls[owner]],
  ]);
  const env = {
    ...process.env,
    POSTGRES_URL: await serverUrl(folder),
    ...(Object.fromEntries(urls) as NodeJS.ProcessEnv),
  };
  await output([process.execPath, join(checkout, "tools/dist/migrate.js")], { env });
}

/** Settles when the service that tells its metrics at this port has done some work. Throws where it does none. */
export async function works(port: number): Promise<void> {
  const hasWorked = () =>
    scrape(port).then(
      (text) => HAS_WORKED.test(text),
      () => false,
    );
  if (!(await until(hasWorked, WITHIN_MS))) throw new Error(`who tells metrics at port ${port} does nothing`);
}

export class Yesterday {
  readonly #parts = new Map<Service, Supervised>();
  readonly #ports = new Map<Service, number>();

  /** Takes down a world's services and databases and puts those of a checkout in their place, as if they had always been there. */
  static async insteadOf(world: World, checkout: string, more: NodeJS.ProcessEnv): Promise<Yesterday> {
    await Promise.all(SERVICES.map((service) => world.platform.part(service).stop()));
    const superuser = await serverUrl(world.folder);
    for (const owner of OWNERS) await administer(superuser, `drop database ${rolesOf(owner).database} with (force)`);
    await migrateAs(world, checkout);
    const yesterday = new Yesterday();
    const settings = { ...(await settingsOf(world)), ...more };
    for (const service of SERVICES) {
      const port = await freePort();
      const env = environmentOf(service, { ...settings, [`${service.toUpperCase()}_METRICS_PORT`]: String(port) });
      const part = new Supervised(
        { name: service, start: () => start(service, { checkout, folder: world.folder, env }) },
        () => {},
      );
      yesterday.#parts.set(service, part);
      yesterday.#ports.set(service, port);
      await part.start();
    }
    await world.platform.ready();
    return yesterday;
  }

  /** Settles when its process of a service has done some work since it was started. */
  async works(service: Service): Promise<void> {
    await works(this.#ports.get(service) ?? 0);
  }

  /** Kills its process of a service, as if power had failed; it is started again. */
  async kill(service: Service): Promise<void> {
    const part = this.#part(service);
    const { pid } = part;
    if (pid === undefined) throw new Error(`yesterday's ${service} does not run: there is nothing to kill`);
    part.kill("SIGKILL");
    if (!(await until(() => part.pid !== pid, WITHIN_MS))) throw new Error(`yesterday's ${service} still runs`);
  }

  /** Ends its process of a service in good order. */
  stop(service: Service): Promise<void> {
    return this.#part(service).stop();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#parts.values()].map((part) => part.stop()));
  }

  #part(service: Service): Supervised {
    const part = this.#parts.get(service);
    if (part === undefined) throw new Error(`yesterday's ${service} was never started`);
    return part;
  }
}

/** What the services of a world are told. */
async function settingsOf({ platform, folder }: World): Promise<NodeJS.ProcessEnv> {
  const kept = await readKept(folder);
  if (kept === undefined) throw new Error(`no platform has been in ${folder}`);
  return {
    ...process.env,
    NATS_URL: platform.natsUrl,
    NATS_KEYS: platform.natsKeys,
    AUTH_JWT_SECRET: kept.jwtSecret,
    OPENROUTER_VAULT_KEYS: kept.vaultKeys,
    GATEWAY_PORT: String(kept.gatewayPort),
    REQUEST_TIMEOUT_MS: "3000",
    ...Object.fromEntries(OWNERS.map((owner) => [databaseSetting(owner), platform.databaseUrls[owner]])),
  };
}

interface Where {
  readonly checkout: string;
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}

async function start(service: Service, { checkout, folder, env }: Where) {
  const command = [process.execPath, join(checkout, "services", service, "dist/main.js")] as const;
  return startDaemon({
    name: service,
    launch: await dyingWithUs({ command }, "TERM"),
    env,
    cwd: folder,
    logFile: logOf(`yesterday-${service}`, folder),
    stopSignal: "SIGTERM",
    isReady: async () => true,
  });
}
