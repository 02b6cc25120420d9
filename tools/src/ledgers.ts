/** The databases of the platform, opened for a tool that reads them. */
import { openDb } from "@tollbooth/shared/db";
import type { Owner } from "./databases.ts";
import type { Books } from "./reconcile.ts";

const POOL_MAX = 2;

/** Works with the databases and closes them. Throws one sentence where one does not answer. */
export async function withBooks(
  urls: Readonly<Record<Owner, string>>,
  work: (books: Books) => Promise<void>,
): Promise<void> {
  const open = (of: Owner) => openDb({ url: urls[of], name: "tool", poolMax: POOL_MAX });
  const books = { credits: open("credits"), usage: open("usage") };
  try {
    for (const db of [books.credits, books.usage]) await db.run({ text: "select 1", values: [] }).catch(notThere);
    await work(books);
  } finally {
    await Promise.all([books.credits.close(), books.usage.close()]);
  }
}

function notThere(cause: Error): never {
  throw new Error(`The platform's databases do not answer (${cause.message}): is it running? npm start starts it.`, {
    cause,
  });
}
