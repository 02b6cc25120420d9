/** The usage service: builds everything once, wires it, and closes it in reverse. */
import { fileURLToPath } from "node:url";
import { openBus } from "@tollbooth/shared/bus";
import { readConfig } from "@tollbooth/shared/config";
import { consume } from "@tollbooth/shared/consumer";
import { openDb } from "@tollbooth/shared/db";
import { startDelivery } from "@tollbooth/shared/delivery";
import { openLog } from "@tollbooth/shared/log";
import { Loop } from "@tollbooth/shared/loop";
import { migrate } from "@tollbooth/shared/migrate";
import { Shutdown } from "@tollbooth/shared/shutdown";
import { Streams, streams as allStreams } from "@tollbooth/shared/streams";
import { startTelemetry } from "@tollbooth/shared/telemetry";
import { v7 as newId } from "uuid";
import { settings } from "./config.ts";
import { buryReport } from "./dead-letters.ts";
import { endpoints } from "./handlers.ts";
import { forgetOld, tendMonths } from "./partitions.ts";
import { Prices } from "./prices.ts";
import { applyReport } from "./report.ts";
import { openTracker } from "./tracker.ts";

const SERVICE = "usage";
const TEND_EVERY_MS = 3_600_000;
const STALL_MS = 600_000;

const config = readConfig(settings, process.env);
const log = openLog(SERVICE, config.LOG_LEVEL);
const shutdown = new Shutdown(log);
shutdown.add("telemetry", startTelemetry(SERVICE, config.OTEL_EXPORTER_OTLP_ENDPOINT), (flush) => flush());

const db = shutdown.add(
  "database",
  openDb({ url: config.USAGE_DATABASE_URL, name: SERVICE, poolMax: config.USAGE_DATABASE_POOL_MAX, log }),
  (it) => it.close(),
);
await migrate(db, fileURLToPath(new URL("../migrations", import.meta.url)));
const retentionMonths = config.USAGE_RETENTION_MONTHS;
await tendMonths(db, Date.now(), retentionMonths);
const prices = new Prices(newId);
await prices.seed(db, Date.now());

const bus = shutdown.add("bus", await openBus({ url: config.NATS_URL, name: SERVICE, log }), (it) => it.close());
const streams = new Streams(bus);
const { wake } = await startDelivery({
  db,
  bus,
  streams,
  own: [allStreams.usageReports, allStreams.usage],
  log,
  shutdown,
});

const options = { prices, byokFee: config.USAGE_BYOK_FEE_RATE, now: Date.now };
const tracker = openTracker(db, options, wake);
const onStall = (name: string) => shutdown.fail(`${name} has stalled`, undefined);
const reports = consume({
  bus,
  streams,
  stream: allStreams.usageReports,
  subject: allStreams.usageReports.subjects[0],
  durable: SERVICE,
  apply: (message) => applyReport(tracker, newId, message),
  bury: (message, reason) => buryReport(db, message, reason),
  log,
  onStall,
});
shutdown.add("reports", reports, (it) => it.close());
const months = new Loop({
  name: "tend months",
  log,
  pauseMs: TEND_EVERY_MS,
  stallMs: STALL_MS,
  onStall,
  round: async () => {
    await tendMonths(db, Date.now(), retentionMonths);
    await forgetOld(db);
  },
});
shutdown.add("months", months, (it) => it.close());
await bus.serve(SERVICE, endpoints({ db, tracker, options, newId, retentionMonths }));
log.info("ready");
