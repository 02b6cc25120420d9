/** The usage service: builds everything once, wires it, and closes it in reverse. */
import { consume } from "@tollbooth/shared/consumer";
import { startDelivery } from "@tollbooth/shared/delivery";
import { Loop } from "@tollbooth/shared/loop";
import { startService } from "@tollbooth/shared/service";
import { streams as allStreams } from "@tollbooth/shared/streams";
import { newId } from "@tollbooth/shared/id";
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

startService(
  {
    name: SERVICE,
    settings,
    database: ({ USAGE_DATABASE_URL: url, USAGE_DATABASE_POOL_MAX: poolMax }) => ({ url, poolMax }),
    migrations: new URL("../migrations", import.meta.url),
  },
  async ({ config, log, shutdown, db, bus, streams, onStall }) => {
    const retentionMonths = config.USAGE_RETENTION_MONTHS;
    await tendMonths(db, Date.now(), retentionMonths);
    const prices = new Prices(newId);
    await prices.seed(db, Date.now());
    const { wake } = startDelivery({ db, bus, streams, log, shutdown, onStall });

    const options = { prices, byokFee: config.USAGE_BYOK_FEE_RATE, now: Date.now };
    const tracker = openTracker(db, options, wake);
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
  },
);
