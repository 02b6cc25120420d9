/** No figure counts whose books do not balance. */
import { audit, quiet } from "@tollbooth/tools/books";
import { openBooks } from "@tollbooth/tools/ledgers";
import type { Platform } from "@tollbooth/tools/platform";

const QUIET_WITHIN_MS = 60_000;

/** Waits until nothing is on its way and tries every law. Throws what does not hold. */
export async function requireBalanced(auditUrls: Platform["auditUrls"]): Promise<void> {
  const books = openBooks(auditUrls, "bench");
  try {
    if (!(await quiet(books, QUIET_WITHIN_MS))) throw new Error("after a minute there were still facts on their way");
    const broken = (await audit(books)).flatMap(({ breaches }) => breaches);
    if (broken.length > 0) throw new Error(`the books do not balance: ${broken.join("; ")}`);
  } finally {
    await books.close();
  }
}
