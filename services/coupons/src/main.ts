/** The coupons service: builds everything once, wires it, and closes it in reverse. */
import { fileURLToPath } from "node:url";
import { openBus } from "@tollbooth/shared/bus";
import { readConfig } from "@tollbooth/shared/config";
import { openDb } from "@tollbooth/shared/db";
import { startDelivery } from "@tollbooth/shared/delivery";
import { openLog } from "@tollbooth/shared/log";
import { migrate } from "@tollbooth/shared/migrate";
import { Shutdown } from "@tollbooth/shared/shutdown";
import { Streams, streams as allStreams } from "@tollbooth/shared/streams";
import { startTelemetry } from "@tollbooth/shared/telemetry";
import { settings } from "./config.ts";
import { endpoints } from "./handlers.ts";
import { openRedeemer } from "./redeeming.ts";

const SERVICE = "coupons";

const config = readConfig(settings, process.env);
const log = openLog(SERVICE, config.LOG_LEVEL);
const shutdown = new Shutdown(log);
shutdown.add("telemetry", startTelemetry(SERVICE, config.OTEL_EXPORTER_OTLP_ENDPOINT), (flush) => flush());

const db = shutdown.add(
  "database",
  openDb({ url: config.COUPONS_DATABASE_URL, name: SERVICE, poolMax: config.COUPONS_DATABASE_POOL_MAX, log }),
  (it) => it.close(),
);
await migrate(db, fileURLToPath(new URL("../migrations", import.meta.url)));
const bus = shutdown.add("bus", await openBus({ url: config.NATS_URL, name: SERVICE, log }), (it) => it.close());
const streams = new Streams(bus);

const { wake } = await startDelivery({ db, bus, streams, own: [allStreams.coupons], log, shutdown });
await bus.serve(SERVICE, endpoints(db, openRedeemer(db, wake)));
log.info("ready");
