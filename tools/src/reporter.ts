/** `npm run reporter`: who may report usage over the broker of this checkout, and as which source. */
import { Command } from "commander";
import { openBus } from "@tollbooth/shared/bus";
import { until } from "@tollbooth/shared/local/condition";
import { reloadNats } from "@tollbooth/shared/local/nats";
import { openLog } from "@tollbooth/shared/log";
import { inboxOf, seedFile } from "@tollbooth/shared/nkeys";
import { attach } from "./attach.ts";
import { addReporter, removeReporter } from "./broker/keys.ts";
import { reporterName } from "./broker/permissions.ts";
import { HOME } from "./checkout.ts";
import { keysOf, storeOf } from "./servers.ts";

interface Options {
  readonly source: string;
  readonly public?: string;
  readonly remove?: true;
  readonly folder: string;
}

/** Who comes just while the broker reads its users waits 5 s in vain, and comes again. */
const KNOWN_WITHIN_MS = 15_000;

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
  if (isKnown && publicKey === undefined) await known(name);
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

/** Whether the broker of this checkout runs with these users, and reads them anew now. */
async function reload(): Promise<boolean> {
  return folder === keysOf(HOME) && (await reloadNats(storeOf(HOME)));
}

/** Settles when the broker takes the reporter in. Throws where it does not. */
async function known(name: string): Promise<void> {
  const { natsUrl: url } = await attach(process.env);
  const log = openLog(name, "silent");
  const isTaken = async () => {
    const bus = await openBus({ url, keys: folder, name, log }).catch(() => undefined);
    await bus?.close();
    return bus !== undefined;
  };
  if (!(await until(isTaken, KNOWN_WITHIN_MS))) throw new Error(`The broker at ${url} does not know ${name}.`);
}
