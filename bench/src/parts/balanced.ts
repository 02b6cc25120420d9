/** No figure counts whose books do not balance. */
import { laws } from "@tollbooth/credits/laws";
import { verify } from "@tollbooth/credits/verify";
import type { Db } from "@tollbooth/shared/db";
import { breachesOf } from "@tollbooth/shared/law";
import { sql } from "@tollbooth/shared/sql";
import { audit, quiet } from "@tollbooth/tools/books";
import { openBooks } from "@tollbooth/tools/ledgers";
import type { Platform } from "@tollbooth/tools/platform";

const QUIET_WITHIN_MS = 60_000;

/** Waits until nothing is on its way and tries every law. Throws what does not hold. */
export async function requireBalanced(auditUrls: Platform["auditUrls"]): Promise<void> {
  const books = openBooks(auditUrls, "bench");
  try {
    if (!(await quiet(books, QUIET_WITHIN_MS))) throw new Error("after a minute there were still facts on their way");
    requireNone((await audit(books)).flatMap(({ breaches }) => breaches));
  } finally {
    await books.close();
  }
}

/** Tries every law of credits on a ledger that stands alone, however long it takes. Throws what does not hold. */
export async function requireLawful(ledger: Db): Promise<void> {
  await ledger.tx(async (tx) => {
    await tx.run(sql`set local statement_timeout = 0`);
    for (const law of laws) requireNone(await breachesOf(tx, law));
  });
}

/** Tries every chain of a ledger that stands alone. Throws where one breaks. */
export async function requireChained(ledger: Db): Promise<void> {
  requireNone((await verify(ledger)).breaks);
}

function requireNone(breaches: readonly string[]): void {
  if (breaches.length > 0) throw new Error(`the books do not balance: ${breaches.join("; ")}`);
}
