/** The databases of the platform, opened for a tool that reads them. */
import { openDb } from "@tollbooth/shared/db";
import { forEachOwner, OWNERS, type Owner } from "./databases.ts";
import type { Books } from "./reconcile.ts";

const POOL_MAX = 2;
/** A law reads whole tables: of millions of rows that takes longer than any statement of a service may. */
const STATEMENT_MAX_MS = 600_000;

/** The databases of a platform, and what closes them. */
export function openBooks(urls: Readonly<Record<Owner, string>>, name: string): Books & { close: () => Promise<void> } {
  const books = forEachOwner((owner) =>
    openDb({ url: urls[owner], name, poolMax: POOL_MAX, statementMaxMs: STATEMENT_MAX_MS }),
  );
  return { ...books, close: async () => void (await Promise.all(OWNERS.map((owner) => books[owner].close()))) };
}

/** Works with the databases and closes them. Throws one sentence where one does not answer. */
export async function withBooks(
  urls: Readonly<Record<Owner, string>>,
  work: (books: Books) => Promise<void>,
): Promise<void> {
  const books = openBooks(urls, "tool");
  try {
    for (const owner of OWNERS) await books[owner].run({ text: "select 1", values: [] }).catch(notThere);
    await work(books);
  } finally {
    await books.close();
  }
}

function notThere(cause: Error): never {
  throw new Error(`The platform's databases do not answer (${cause.message}): is it running? npm start starts it.`, {
    cause,
  });
}
