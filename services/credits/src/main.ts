/** The credits service: builds everything once, wires it, and closes it in reverse. */
import { fileURLToPath } from "node:url";
import { openBus } from "@tollbooth/shared/bus";
import { readConfig } from "@tollbooth/shared/config";
import { consume } from "@tollbooth/shared/consumer";
import { couponRedeemed } from "@tollbooth/shared/contracts/coupons";
import { usageTracked } from "@tollbooth/shared/contracts/usage";
import { openDb } from "@tollbooth/shared/db";
import { startDelivery } from "@tollbooth/shared/delivery";
import { Loop } from "@tollbooth/shared/loop";
import { openLog } from "@tollbooth/shared/log";
import { migrate } from "@tollbooth/shared/migrate";
import { Shutdown } from "@tollbooth/shared/shutdown";
import { Streams, streams as allStreams } from "@tollbooth/shared/streams";
import { startTelemetry } from "@tollbooth/shared/telemetry";
import { applyEvent, buryEvent } from "./events.ts";
import { settings } from "./config.ts";
import { endpoints } from "./handlers.ts";
import type { Clock } from "./loading.ts";
import { openPoster } from "./posting.ts";
import { settleDue } from "./settling.ts";

const SERVICE = "credits";
const SETTLE_EVERY_MS = 1_000;
const STALL_MS = 60_000;

const config = readConfig(settings, process.env);
const log = openLog(SERVICE, config.LOG_LEVEL);
const shutdown = new Shutdown(log);
shutdown.add("telemetry", startTelemetry(SERVICE, config.OTEL_EXPORTER_OTLP_ENDPOINT), (flush) => flush());

const db = shutdown.add(
  "database",
  openDb({ url: config.CREDITS_DATABASE_URL, name: SERVICE, poolMax: config.CREDITS_DATABASE_POOL_MAX, log }),
  (it) => it.close(),
);
await migrate(db, fileURLToPath(new URL("../migrations", import.meta.url)));
const bus = shutdown.add("bus", await openBus({ url: config.NATS_URL, name: SERVICE, log }), (it) => it.close());
const streams = new Streams(bus);

const { wake } = await startDelivery({ db, bus, streams, own: [allStreams.credits], log, shutdown });
const clock: Clock = { aheadMs: config.CREDITS_CLOCK_AHEAD_S * 1000 };
if (clock.aheadMs > 0 && process.env["NODE_ENV"] === "production")
  throw new Error("CREDITS_CLOCK_AHEAD_S is for tests and demonstrations, not for production");
const poster = openPoster(db, clock, wake);
const onStall = (name: string) => shutdown.fail(`${name} has stalled`, undefined);
for (const [stream, subject, durable] of [
  [allStreams.usage, usageTracked.subject, allStreams.usage.confirmedBy.durable],
  [allStreams.coupons, couponRedeemed.subject, allStreams.coupons.confirmedBy.durable],
] as const) {
  const consumer = consume({
    bus,
    streams,
    stream,
    subject,
    durable,
    apply: (message) => applyEvent(poster, message),
    bury: (message, reason) => buryEvent(db, message, reason),
    log,
    onStall,
  });
  shutdown.add(`consumer of ${subject}`, consumer, (it) => it.close());
}
const settling = new Loop({
  name: "settle",
  log,
  pauseMs: SETTLE_EVERY_MS,
  stallMs: STALL_MS,
  onStall,
  round: async (signal) => void (await settleDue(db, clock, poster, signal)),
});
shutdown.add("settling", settling, (it) => it.close());
await bus.serve(SERVICE, endpoints({ db, bus, clock, poster }));
log.info("ready");
