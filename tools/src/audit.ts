/** `npm run audit`: whether the books of the platform of this checkout balance. Exit code 1 when anything differs. */
import Table from "cli-table3";
import { Command } from "commander";
import { openDb } from "@tollbooth/shared/db";
import { attach } from "./attach.ts";
import { audit, quiet, type Finding } from "./books.ts";

const command = new Command("npm run audit --")
  .description("Tries every law of the books and says where one does not hold. Exit code 1 when anything differs.")
  .option("--wait <seconds>", "first wait until nothing is on its way any more, so long at most", Number, 45)
  .option("--json", "for programs: an array of findings")
  .parse();
const { wait, json } = command.opts<{ wait: number; json?: true }>();

const { databaseUrls } = await attach(process.env).catch((error: Error) => command.error(error.message));
const open = (of: "credits" | "usage") => openDb({ url: databaseUrls[of], name: "audit", poolMax: 2 });
const books = { credits: open("credits"), usage: open("usage") };
try {
  await quiet(books, wait * 1000);
  const findings = await audit(books);
  console.log(json ? JSON.stringify(findings, undefined, 2) : report(findings));
  process.exitCode = findings.every(({ breaches }) => breaches.length === 0) ? 0 : 1;
} finally {
  await Promise.all([books.credits.close(), books.usage.close()]);
}

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
