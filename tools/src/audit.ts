/** `npm run audit`: whether the books of the platform of this checkout balance. Exit code 1 when anything differs. */
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import { attach } from "./attach.ts";
import { audit, quiet, type Finding } from "./books.ts";
import { HOME } from "./checkout.ts";
import { withBooks } from "./ledgers.ts";
import { keepRoot, rootsThatDiffer } from "./roots.ts";

const command: Command = new Command("npm run audit --")
  .description("Tries every law of the books and says where one does not hold. Exit code 1 when anything differs.")
  .option("--wait <seconds>", "first wait until nothing is on its way any more, so long at most", Number, 45)
  .option(
    "--roots <file>",
    "where dated roots over all journals are kept; tried, then added to",
    join(HOME, "roots.jsonl"),
  )
  .option("--json", "for programs: an array of findings")
  .parse();
const { wait, roots, json } = command.opts<{ wait: number; roots: string; json?: true }>();

const { auditUrls } = await attach(process.env).catch((error: Error) => command.error(error.message));
await withBooks(auditUrls, async (books) => {
  await quiet(books, wait * 1000);
  const { checked, breaches } = await rootsThatDiffer(books.credits, roots);
  const says = `the journals are what ${checked} kept roots say they were`;
  const findings: Finding[] = [...(await audit(books)), { invariant: 1, of: "credits", says, breaches }];
  const balanced = findings.every((finding) => finding.breaches.length === 0);
  console.log(json ? JSON.stringify(findings, undefined, 2) : report(findings));
  process.exitCode = balanced ? 0 : 1;
  // A root of books that do not balance would prove the wrong thing later.
  if (!balanced) return;
  await mkdir(dirname(roots), { recursive: true });
  const { at, users, root } = await keepRoot(books.credits, roots);
  if (!json) console.log(`Root of ${users} journals as of ${at}: ${root}`);
}).catch((error: Error) => command.error(error.message));

function report(findings: readonly Finding[]): string {
  const table = new Table({ head: ["", "#", "of", "law"], style: { head: [], border: [] } });
  for (const { breaches, invariant, of, says } of findings)
    table.push([breaches.length === 0 ? "ok" : "BROKEN", invariant, of, says]);
  const broken = findings.filter(({ breaches }) => breaches.length > 0);
  const details = broken.flatMap(({ says, breaches }) => [`\n${says}:`, ...breaches.map((breach) => `  ${breach}`)]);
  const verdict =
    broken.length === 0
      ? "The books balance."
      : `The books do not balance: ${broken.length} of ${findings.length} laws are broken.`;
  return [table.toString(), ...details, verdict].join("\n");
}
