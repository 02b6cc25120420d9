/** What a batch of commands leaves in the books: one statement a table. */
import type { Tx } from "@tollbooth/shared/db";
import type { Account, PeriodCharge } from "./account.ts";
import { saveAccounts, saveLots, type Change } from "./accounts.store.ts";
import type { StoredLine } from "./chain.ts";
import { saveHolds } from "./holds.store.ts";
import { appendLines } from "./journal.store.ts";
import { saveCharges } from "./periods.store.ts";

/** What the commands of a batch made of its accounts. */
export interface Folded {
  readonly accounts: ReadonlyMap<string, Account>;
  /** The hash of each account's last line. */
  readonly heads: ReadonlyMap<string, string>;
  readonly lines: readonly (StoredLine & { hash: string })[];
  readonly charges: readonly { userId: string; charge: PeriodCharge }[];
}

/** Writes what changed since `before`; accounts that no command changed are left alone. */
export async function save(tx: Tx, before: ReadonlyMap<string, Account>, folded: Folded): Promise<void> {
  const changes: Change[] = [];
  for (const [userId, account] of before) {
    const after = folded.accounts.get(userId) as Account;
    if (after !== account) changes.push({ before: account, after, head: folded.heads.get(userId) as string });
  }
  await Promise.all([
    saveAccounts(tx, changes),
    saveLots(tx, changes),
    saveHolds(tx, changes),
    saveCharges(tx, changes, folded.charges),
    appendLines(tx, folded.lines),
  ]);
}
