/** `npm run streams`: the streams of a broker that is not started here, such as one in a container. */
import { Command } from "commander";
import { openLog } from "@tollbooth/shared/log";
import { attachBroker } from "./attach.ts";
import { keepStreams } from "./broker/streams.ts";

const command: Command = new Command("npm run streams --")
  .description("Makes the broker's streams and their readers that are not there yet, as the operator.")
  .option("--watch", "go on until Ctrl-C, and make them again whenever the broker has lost them")
  .parse();
const { watch } = command.opts<{ watch?: true }>();

await main().catch((error: Error) => command.error(error.message));

async function main(): Promise<void> {
  const { natsUrl: url, natsKeys: keys } = await attachBroker(process.env);
  const log = openLog("streams", watch ? "info" : "silent");
  const end = await keepStreams({ url, keys, log, onStall: () => process.exit(1) });
  console.log("The streams are there.");
  if (watch) await new Promise((resolve) => ["SIGINT", "SIGTERM"].map((signal) => process.once(signal, resolve)));
  await end();
}
