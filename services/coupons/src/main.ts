/** The coupons service: builds everything once, wires it, and closes it in reverse. */
import { startDelivery } from "@tollbooth/shared/delivery";
import { startService } from "@tollbooth/shared/service";
import { settings } from "./config.ts";
import { endpoints } from "./handlers.ts";
import { openRedeemer } from "./redeeming.ts";

const SERVICE = "coupons";

startService(
  {
    name: SERVICE,
    settings,
    database: ({ COUPONS_DATABASE_URL: url, COUPONS_DATABASE_POOL_MAX: poolMax }) => ({ url, poolMax }),
    migrations: new URL("../migrations", import.meta.url),
  },
  async ({ log, shutdown, db, bus, streams, onStall }) => {
    const { wake } = startDelivery({ db, bus, streams, log, shutdown, onStall });
    await bus.serve(SERVICE, endpoints(db, openRedeemer(db, wake)));
    log.info("ready");
  },
);
