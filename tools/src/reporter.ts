/** `npm run reporter`: who may report usage over the broker of this checkout, and as which source. */
import { Command } from "commander";
import { reloadNats } from "@tollbooth/shared/local/nats";
import { inboxOf, seedFile } from "@tollbooth/shared/nkeys";
import { addReporter, removeReporter } from "./broker/keys.ts";
import { reporterName } from "./broker/permissions.ts";
import { HOME } from "./checkout.ts";
import { brokersThat, keysOf } from "./servers.ts";
import { logOf } from "./service.ts";

interface Options {
  readonly source: string;
  readonly public?: string;
  readonly remove?: true;
  readonly folder: string;
}

const command: Command = new Command("npm run reporter --")
  .description("Lets a service report usage over the broker as one source, or takes that right away.")
  .requiredOption("--source <name>", "the source: letters, digits, - and _")
  .option("--public <nkey>", "the public key that the reporter has made for himself; without it a key is made")
  .option("--remove", "he may not report any more")
  .option("--folder <path>", "the keys of another broker, as npm run keys made them", keysOf(HOME))
  .parse();
const options = command.opts<Options>();
const { folder } = options;

await (options.remove ? remove(options.source) : add(options.source, options.public)).catch((error: Error) =>
  command.error(error.message),
);

async function add(source: string, publicKey: string | undefined): Promise<void> {
  await addReporter(folder, source, publicKey);
  const name = reporterName(source);
  const isKnown = await reload();
  console.log(`${source} may report${isKnown ? "" : ", as soon as the broker has read its users anew"}.

  subject       usage.report.${source}
  inbox prefix  ${inboxOf(name)}
  seed          ${publicKey === undefined ? seedFile(folder, name) : `the one of ${publicKey}`}`);
}

async function remove(source: string): Promise<void> {
  if (!(await removeReporter(folder, source))) throw new Error(`${source} could not report anyway.`);
  const isKnown = await reload();
  console.log(`${source} may not report any more${isKnown ? "" : ", as soon as the broker has read its users anew"}.`);
}

/** Whether a broker of this checkout runs with these users; then each that runs has read them anew. */
async function reload(): Promise<boolean> {
  if (folder !== keysOf(HOME)) return false;
  const reloaded = await brokersThat(HOME, (storeDir, broker) =>
    reloadNats({ storeDir, logFile: logOf(broker, HOME) }),
  );
  return reloaded.length > 0;
}
