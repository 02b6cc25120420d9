/** `npm run audit`: whether the books of the platform of this checkout balance. Exit code 1 when anything differs. */
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { commonSettings, metricsSettings, readConfig } from "@tollbooth/shared/config";
import { openLog } from "@tollbooth/shared/log";
import { openScrape } from "@tollbooth/shared/scrape";
import { withBus } from "./asking.ts";
import { attach, type Attached } from "./attach.ts";
import { auditWhenQuiet, quiet } from "./books.ts";
import { HOME } from "./checkout.ts";
import { findingsTable, repairsText } from "./findings.ts";
import { withBooks } from "./ledgers.ts";
import type { Books } from "./reconcile.ts";
import { repair, type Repair } from "./repair.ts";
import { keepRoot } from "./roots.ts";
import { watch } from "./watch.ts";
import { watchRounds } from "./watch-metrics.ts";

interface Options {
  readonly wait: number;
  readonly roots: string;
  readonly repair?: true;
  readonly watch?: true;
  readonly every: number;
  readonly json?: true;
}

const settings = { METRICS_HOST: commonSettings.METRICS_HOST, ...metricsSettings("AUDIT") };

const command: Command = new Command("npm run audit --")
  .description("Tries every law of the books and says where one does not hold. Exit code 1 when anything differs.")
  .option("--wait <seconds>", "first wait until nothing is on its way any more, so long at most", seconds, 45)
  .option(
    "--roots <file>",
    "where dated roots over all journals are kept; tried, then added to",
    join(HOME, "roots.jsonl"),
  )
  .option("--repair", "before that, drive again what never had its effect; the rest is only told")
  .addOption(new Option("--watch", "try every law again and again until Ctrl-C, one line a round").conflicts("repair"))
  .option("--every <seconds>", "pause between two rounds of a watch", seconds, 30)
  .option("--json", "for programs: an array of findings; with --repair an object, with --watch an object a line")
  .addHelpText("after", "\nAUDIT_METRICS_PORT: a watch serves its findings at this port, as /metrics.")
  .parse();
const options = command.opts<Options>();

await main(options).catch((error: Error) => command.error(error.message));

function seconds(text: string): number {
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(text)) throw new InvalidArgumentError("It is a number of seconds.");
  return Number(text);
}

async function main({ watch: isWatch, repair: isRepair }: Options): Promise<void> {
  const attached = await attach(process.env);
  if (isWatch) return withBooks(attached.auditUrls, watchBooks);
  const repairs = isRepair ? await repairBooks(attached) : undefined;
  await withBooks(attached.auditUrls, async (books) => auditBooks(books, repairs));
}

/** The only part that writes: in the services' own names. */
async function repairBooks({ databaseUrls }: Attached): Promise<Repair[]> {
  let repairs: Repair[] = [];
  await withBooks(databaseUrls, async (books) => {
    await quiet(books, options.wait * 1000);
    await withBus("repair", async (bus) => {
      repairs = await repair(books, bus);
    });
  });
  if (!options.json) console.log(repairsText(repairs));
  return repairs;
}

async function auditBooks(books: Books, repairs: readonly Repair[] | undefined): Promise<void> {
  const { wait, roots, json } = options;
  const findings = await auditWhenQuiet(books, roots, wait * 1000);
  const balanced = findings.every((finding) => finding.breaches.length === 0);
  if (json) console.log(JSON.stringify(repairs === undefined ? findings : { repairs, findings }, undefined, 2));
  else console.log(findingsTable(findings));
  process.exitCode = balanced ? 0 : 1;
  // A root of books that do not balance would prove the wrong thing later.
  if (!balanced) return;
  await mkdir(dirname(roots), { recursive: true });
  const { at, users, root } = await keepRoot(books.credits, roots);
  if (!json) console.log(`Root of ${users} journals as of ${at}: ${root}`);
}

async function watchBooks(books: Books): Promise<void> {
  const { every, json } = options;
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => ending.abort());
  const config = readConfig(settings, process.env);
  const metrics = { host: config.METRICS_HOST, port: config.AUDIT_METRICS_PORT };
  const close = await openScrape({ ...metrics, log: openLog("audit", "silent") });
  const hear = watchRounds();
  await watch({
    books,
    everyMs: every * 1000,
    signal: ending.signal,
    tell: (line, round) => {
      console.log(json ? JSON.stringify(round) : line);
      hear(round);
    },
  });
  await close();
}
