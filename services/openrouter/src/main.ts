/** The openrouter service: builds everything once, wires it, and closes it in reverse. */
import { startDelivery } from "@tollbooth/shared/delivery";
import { Loop } from "@tollbooth/shared/loop";
import { startService } from "@tollbooth/shared/service";
import { Catalogue } from "./catalogue.ts";
import { OpenRouter } from "./client.ts";
import { readVaultKeys, settings } from "./config.ts";
import { endpoints } from "./handlers.ts";
import { Quotes } from "./quotes.ts";
import { reportDue } from "./reporting.ts";
import { forgetRequests } from "./requests.store.ts";
import { Vault } from "./vault.ts";

const SERVICE = "openrouter";
const REPORT_EVERY_MS = 1_000;
const FORGET_EVERY_MS = 3_600_000;
const CATALOGUE_TICK_MS = 1_000;
const STALL_MS = 120_000;

startService(
  {
    name: SERVICE,
    settings,
    database: ({ OPENROUTER_DATABASE_URL: url, OPENROUTER_DATABASE_POOL_MAX: poolMax }) => ({ url, poolMax }),
    migrations: new URL("../migrations", import.meta.url),
  },
  async ({ config, log, shutdown, db, bus, streams, onStall }) => {
    const vault = new Vault(readVaultKeys(config));
    const openRouter = new OpenRouter(config.OPENROUTER_BASE_URL);
    // It tells no facts of its own: what is wanted of delivery is that answers are forgotten in time.
    await startDelivery({ db, bus, streams, own: [], log, shutdown });
    const loop = (name: string, pauseMs: number, round: (signal: AbortSignal) => Promise<void>) =>
      shutdown.add(name, new Loop({ name, log, pauseMs, round, stallMs: STALL_MS, onStall }), (it) => it.close());
    const reports = loop("usage reports", REPORT_EVERY_MS, () => reportDue({ db, bus, log }));
    loop("forget requests", FORGET_EVERY_MS, async () => {
      while ((await forgetRequests(db)) > 0);
    });
    await bus.serve(SERVICE, endpoints({ db, vault, openRouter, onAnswered: () => reports.wake() }, new Quotes(bus)));
    const catalogue = new Catalogue({ openRouter, bus, log });
    loop("prices", CATALOGUE_TICK_MS, (signal) => catalogue.tend(performance.now(), signal));
    log.info("ready");
  },
);
