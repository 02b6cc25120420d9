/** `npm run streams`: the streams of a broker that is not started here, such as one in a container. */
import { Command, InvalidArgumentError } from "commander";
import { openBus } from "@tollbooth/shared/bus";
import { openLog } from "@tollbooth/shared/log";
import { attachBroker } from "./attach.ts";
import { OPERATOR } from "./broker/permissions.ts";
import { keepStreams } from "./broker/streams.ts";

const command: Command = new Command("npm run streams --")
  .description("Makes the broker's streams and their readers that are not there yet, as the operator.")
  .option("--watch", "go on until Ctrl-C, and make them again whenever the broker has lost them")
  .option(
    "--replicas <number>",
    "how many brokers of a cluster keep each stream: 1, 3 or 5 (default: as it is)",
    copies,
  )
  .parse();
const { watch, replicas } = command.opts<{ watch?: true; replicas?: number }>();

await main().catch((error: Error) => command.error(error.message));

async function main(): Promise<void> {
  const { natsUrl: url, natsKeys: keys } = await attachBroker(process.env);
  const log = openLog("streams", watch ? "info" : "silent");
  const bus = await openBus({ url, keys, name: OPERATOR, log });
  const end = await keepStreams({ bus, replicas, log, onStall: () => process.exit(1) });
  console.log("The streams are there.");
  if (watch) await new Promise((resolve) => ["SIGINT", "SIGTERM"].map((signal) => process.once(signal, resolve)));
  await end();
}

function copies(text: string): number {
  if (!["1", "3", "5"].includes(text)) throw new InvalidArgumentError("It is 1, 3 or 5.");
  return Number(text);
}
