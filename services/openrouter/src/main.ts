/** The openrouter service: builds everything once, wires it, and closes it in reverse. */
import { startDelivery } from "@tollbooth/shared/delivery";
import { startService } from "@tollbooth/shared/service";
import { OpenRouter } from "./client.ts";
import { readVaultKeys, settings } from "./config.ts";
import { endpoints } from "./handlers.ts";
import { Vault } from "./vault.ts";

const SERVICE = "openrouter";

startService(
  {
    name: SERVICE,
    settings,
    database: ({ OPENROUTER_DATABASE_URL: url, OPENROUTER_DATABASE_POOL_MAX: poolMax }) => ({ url, poolMax }),
    migrations: new URL("../migrations", import.meta.url),
  },
  async ({ config, log, shutdown, db, bus, streams }) => {
    const vault = new Vault(readVaultKeys(config));
    const openRouter = new OpenRouter(config.OPENROUTER_BASE_URL);
    // It tells no facts of its own: what is wanted of delivery is that answers are forgotten in time.
    await startDelivery({ db, bus, streams, own: [], log, shutdown });
    await bus.serve(SERVICE, endpoints({ db, vault, openRouter }));
    log.info("ready");
  },
);
