/** What the audit found, for people. */
import Table from "cli-table3";
import type { Finding } from "./books.ts";
import type { Repair } from "./repair.ts";

const NOT_OF_BOOKS = "8 and 12 are about what callers are told, not about books: faults/ and e2e/ try them.";

/** Between rows; there are many, of one line each. */
const NO_RULES = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };

/** One row a law, then the places where one does not hold, then the verdict. */
export function findingsTable(findings: readonly Finding[]): string {
  const table = new Table({ head: ["", "#", "of", "law"], style: { head: [], border: [] }, chars: NO_RULES });
  for (const { breaches, invariant, of, says } of findings)
    table.push([breaches.length === 0 ? "ok" : "BROKEN", invariant, of, says]);
  const broken = findings.filter(({ breaches }) => breaches.length > 0);
  const details = broken.flatMap(({ invariant, says, breaches }) => [
    `\n${invariant}: ${says}:`,
    ...breaches.map((breach) => `  ${breach}`),
  ]);
  const verdict =
    broken.length === 0
      ? "The books balance."
      : `The books do not balance: ${broken.length} of ${findings.length} laws are broken.`;
  return [table.toString(), NOT_OF_BOOKS, ...details, verdict].join("\n");
}

/** What a repair did, one line each, with the events. */
export function repairsText(repairs: readonly Repair[]): string {
  if (repairs.length === 0) return "Nothing to repair.";
  return repairs.map(({ of, did, events }) => `Repaired: ${of} ${did}: ${events.join(", ")}`).join("\n");
}

/** One round of a watch in one line. */
export function roundLine(at: Date, findings: readonly Finding[], tookMs: number): string {
  const broken = findings.filter(({ breaches }) => breaches.length > 0);
  const took = `${findings.length} laws, ${(tookMs / 1000).toFixed(1)} s`;
  if (broken.length === 0) return `${at.toISOString()} ok (${took})`;
  const places = broken.map(({ invariant, breaches: [first = "", ...more] }) =>
    more.length === 0 ? `#${invariant} ${first}` : `#${invariant} ${first} and ${more.length} more`,
  );
  return `${at.toISOString()} BROKEN (${took}): ${places.join("; ")}`;
}
