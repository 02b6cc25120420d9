/** The platform's books, tried after a story: what the audit says of them. */
import { inject } from "vitest";
import { audit, quiet } from "../../tools/src/books.ts";
import { openBooks } from "../../tools/src/ledgers.ts";

/** After the last fault, and after the last request all the more, everything is quiet within this. */
const QUIET_WITHIN_MS = 45_000;

/** What the audit finds broken once nothing is on its way any more; dead letters that a story has left are no breach. */
export async function breaches(auditUrls = inject("platform").auditUrls): Promise<string[]> {
  const books = openBooks(auditUrls, "e2e");
  try {
    if (!(await quiet(books, QUIET_WITHIN_MS))) return ["it did not become quiet"];
    const findings = (await audit(books)).filter(({ says }) => !says.startsWith("no dead letter"));
    return findings.flatMap((finding) => finding.breaches.map((breach) => `${finding.says}: ${breach}`));
  } finally {
    await books.close();
  }
}
