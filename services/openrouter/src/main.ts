/** The openrouter service: builds everything once, wires it, and closes it in reverse. */
import { startForgetting } from "@tollbooth/shared/delivery";
import { Loop } from "@tollbooth/shared/loop";
import { startService } from "@tollbooth/shared/service";
import { Catalogue } from "./catalogue.ts";
import { OpenRouter } from "./client.ts";
import { readVaultKeys, settings } from "./config.ts";
import { Exchanges } from "./exchanges.ts";
import { Guards } from "./guard.ts";
import { endpoints } from "./handlers.ts";
import { forgetLinks } from "./links.store.ts";
import { Listing } from "./listing.ts";
import { Quotes } from "./quotes.ts";
import { forgetRequests, keepInHand } from "./requests.store.ts";
import { Secret } from "./secret.ts";
import { sweep } from "./sweeping.ts";
import { Vault } from "./vault.ts";

const SERVICE = "openrouter";
const SWEEP_EVERY_MS = 1_000;
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
  async ({ config, log, shutdown, db, bus, onStall }) => {
    const { OPENROUTER_API_KEY: managed, OPENROUTER_BASE_URL: baseUrl, OPENROUTER_IN_HAND_S: inHandS } = config;
    const listing = new Listing();
    const metering = {
      db,
      bus,
      log,
      vault: new Vault(readVaultKeys(config)),
      managedKey: managed === undefined ? undefined : new Secret(managed),
      openRouter: new OpenRouter(baseUrl),
      guards: new Guards(),
      quotes: new Quotes(bus),
      listing,
      callbackUrl: config.OPENROUTER_CALLBACK_URL,
      inHandS,
    };
    startForgetting({ db, log, shutdown, onStall });
    const loop = (name: string, pauseMs: number, round: (signal: AbortSignal) => Promise<void>) =>
      shutdown.add(name, new Loop({ name, log, pauseMs, round, stallMs: STALL_MS, onStall }), (it) => it.close());
    loop("sweep requests", SWEEP_EVERY_MS, () => sweep(metering));
    loop("forget requests and links", FORGET_EVERY_MS, async () => {
      await forgetLinks(db);
      while ((await forgetRequests(db)) > 0);
    });
    const exchanges = shutdown.add("exchanges", new Exchanges(), (it) => it.close());
    // Two of three may fail before anybody takes a request out of our hands.
    loop("keep requests", (inHandS * 1000) / 3, () => {
      exchanges.forgetIdle();
      return keepInHand(db, exchanges.inHand(), { inHandS });
    });
    const catalogue = new Catalogue({ openRouter: metering.openRouter, bus, listing, log });
    await bus.serve(SERVICE, endpoints(metering, exchanges, catalogue));
    loop("prices", CATALOGUE_TICK_MS, (signal) => catalogue.tend(performance.now(), signal));
    log.info("ready");
  },
);
