/** `npm run stop`: ends the platform of this checkout and whatever a killed one has left behind. */
import { Command } from "commander";
import { until } from "@tollbooth/shared/local/condition";
import { isAlive, send } from "@tollbooth/shared/local/leftover";
import { endLeftoverNats } from "@tollbooth/shared/local/nats";
import { endLeftoverPostgres } from "@tollbooth/shared/local/postgres";
import { HOME } from "./checkout.ts";
import { claimant } from "./claim.ts";
import { brokersThat, dataOf } from "./servers.ts";
import { endLeftoverProcesses } from "./service.ts";

/** Longer than a platform takes to end by itself. */
const END_WITHIN_MS = 12_000;

const command: Command = new Command("npm run stop --")
  .description("Ends the platform of this checkout and what a killed one left behind.")
  .option("--json", "for programs: an array of what was ended")
  .parse();
const { json } = command.opts<{ json?: true }>();

const ended: string[] = [];
const holder = await claimant(HOME);
if (holder !== undefined) {
  send(holder, "SIGTERM");
  await until(() => !isAlive(holder), END_WITHIN_MS);
  ended.push("the platform");
}
ended.push(...(await endLeftoverProcesses(HOME)), ...(await brokersThat(HOME, endLeftoverNats)));
if (await endLeftoverPostgres(dataOf(HOME))) ended.push("Postgres");
if (json) console.log(JSON.stringify(ended));
else console.log(ended.length === 0 ? "Nothing was running." : `Ended ${ended.join(", ")}.`);
