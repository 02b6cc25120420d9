/** The ground that every service with a database stands on: settings, log, traces, its migrated database, the broker. */
import { fileURLToPath } from "node:url";
import { openBus, type Bus } from "./bus.ts";
import { readConfig, requireOwnPassword, type Config, type commonSettings, type Settings } from "./config.ts";
import { openDb, type Db } from "./db.ts";
import { openLog, type Log } from "./log.ts";
import { countProcess } from "./metrics.ts";
import { migrate } from "./migrate.ts";
import { openScrape } from "./scrape.ts";
import { Shutdown } from "./shutdown.ts";
import { Streams } from "./streams.ts";
import { startTelemetry } from "./telemetry.ts";

export interface Ground<S extends Settings> {
  readonly config: Config<S>;
  readonly log: Log;
  readonly shutdown: Shutdown;
  readonly db: Db;
  readonly bus: Bus;
  readonly streams: Streams;
  /** Ends the process because a loop of this name hangs; its supervisor starts it again. */
  readonly onStall: (name: string) => void;
}

export interface ServiceOptions<S extends Settings> {
  readonly name: string;
  readonly settings: S;
  readonly database: (config: Config<S>) => { readonly url: string; readonly poolMax: number };
  /** The folder of its migrations. */
  readonly migrations: URL;
}

/** Opens the ground and builds the service on it. What hinders that is told in its own words, and ends the process with 1. */
export function startService<S extends typeof commonSettings>(
  options: ServiceOptions<S>,
  build: (ground: Ground<S>) => Promise<void>,
): void {
  openGround(options)
    .then(build)
    .catch((error: Error) => {
      console.error(`${options.name}: ${error.message}`);
      process.exit(1);
    });
}

async function openGround<S extends typeof commonSettings>({
  name,
  settings,
  database,
  migrations,
}: ServiceOptions<S>): Promise<Ground<S>> {
  const config = readConfig(settings, process.env);
  const {
    LOG_LEVEL,
    NATS_KEYS,
    NATS_URL,
    OTEL_EXPORTER_OTLP_ENDPOINT,
    METRICS_HOST: host,
  } = config as Config<typeof commonSettings>;
  requireOwnPassword(`${name.toUpperCase()}_DATABASE_URL`, database(config).url, process.env);
  const log = openLog(name, LOG_LEVEL);
  const shutdown = new Shutdown(log);
  shutdown.add("telemetry", await startTelemetry(name, OTEL_EXPORTER_OTLP_ENDPOINT), (flush) => flush());
  const port = (config as Readonly<Record<string, number | undefined>>)[`${name.toUpperCase()}_METRICS_PORT`];
  shutdown.add("metrics", await openScrape({ host, port, log }), (close) => close());
  // Looking at the event loop costs, also where nobody can ask what was seen.
  if (port !== undefined) countProcess();
  const db = shutdown.add("database", openDb({ ...database(config), name, log }), (it) => it.close());
  await migrate(db, fileURLToPath(migrations));
  const bus = shutdown.add("bus", await openBus({ url: NATS_URL, keys: NATS_KEYS, name, log }), (it) => it.close());
  const onStall = (loop: string) => shutdown.fail(`${loop} has stalled`, undefined);
  return { config, log, shutdown, db, bus, streams: new Streams(bus), onStall };
}
