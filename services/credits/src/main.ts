/** The credits service: builds everything once, wires it, and closes it in reverse. */
import { consume } from "@tollbooth/shared/consumer";
import { couponRedeemed } from "@tollbooth/shared/contracts/coupons";
import { usageTracked } from "@tollbooth/shared/contracts/usage";
import { startDelivery } from "@tollbooth/shared/delivery";
import { Loop } from "@tollbooth/shared/loop";
import { startService } from "@tollbooth/shared/service";
import { streams as allStreams } from "@tollbooth/shared/streams";
import { openBalances } from "./balances.ts";
import { applyEvent, buryEvent } from "./events.ts";
import { settings } from "./config.ts";
import { endpoints } from "./handlers.ts";
import type { Clock } from "./loading.ts";
import { openPoster } from "./posting.ts";
import { settleDue } from "./settling.ts";

const SERVICE = "credits";
const SETTLE_EVERY_MS = 1_000;
const STALL_MS = 60_000;

startService(
  {
    name: SERVICE,
    settings,
    database: ({ CREDITS_DATABASE_URL: url, CREDITS_DATABASE_POOL_MAX: poolMax }) => ({ url, poolMax }),
    migrations: new URL("../migrations", import.meta.url),
  },
  async ({ config, log, shutdown, db, bus, streams, onStall }) => {
    const { wake } = startDelivery({ db, bus, streams, log, shutdown, onStall });
    const clock: Clock = { aheadMs: config.CREDITS_CLOCK_AHEAD_S * 1000 };
    if (clock.aheadMs > 0 && process.env["NODE_ENV"] === "production")
      throw new Error("CREDITS_CLOCK_AHEAD_S is for tests and demonstrations, not for production");
    const poster = openPoster(db, clock, wake);
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
    await bus.serve(SERVICE, endpoints({ db, bus, balances: openBalances(db, clock), poster }));
    log.info("ready");
  },
);
