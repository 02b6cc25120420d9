/** What a batch of commands needs to know of its accounts: read after the locks, and only what some command can use. */
import type { Tx } from "@tollbooth/shared/db";
import type { Account } from "./account.ts";
import { lockAccounts, readClock, readOpenLots } from "./accounts.store.ts";
import type { Command } from "./command.ts";
import { readHolds, type HoldKey } from "./holds.store.ts";
import { readCited, type Citation } from "./journal.store.ts";
import type { Lot } from "./lots.ts";
import { readDiscounts } from "./periods.store.ts";

interface Item {
  readonly userId: string;
  readonly command: Command;
}

export interface Loaded {
  readonly before: Map<string, Account>;
  /** The hash of each account's last line. */
  readonly heads: Map<string, string>;
  /** The time of the batch, taken after the locks. */
  readonly nowMs: number;
}

/** What time it is for the books: the database's clock, ahead of it in tests and demonstrations only. */
export interface Clock {
  readonly aheadMs: number;
}

/** Locks the accounts of a batch and reads what its commands are about. */
export async function load(tx: Tx, clock: Clock, items: readonly Item[]): Promise<Loaded> {
  const ids = [...new Set(items.map(({ userId }) => userId))].toSorted();
  const locked = await lockAccounts(tx, ids);
  const [clockMs, lots] = await Promise.all([readClock(tx), readOpenLots(tx, ids)]);
  const before = new Map([...locked].map(([id, { account }]) => [id, { ...account, lots: lots.get(id) ?? [] }]));
  const nowMs = clockMs + clock.aheadMs;
  await Promise.all([addHolds(tx, before, items), addCited(tx, before, items), addDiscounts(tx, before, items, nowMs)]);
  return { before, heads: new Map([...locked].map(([id, { head }]) => [id, head])), nowMs };
}

/** Discounts matter where a price may become due: at the end of a period, and where a command brings one. */
async function addDiscounts(
  tx: Tx,
  accounts: Map<string, Account>,
  items: readonly Item[],
  nowMs: number,
): Promise<void> {
  const ending = [...accounts.values()].filter(({ resetAt }) => resetAt <= nowMs).map(({ userId }) => userId);
  const paying = items
    .filter(({ command }) => command.kind === "switch" || command.kind === "reset")
    .map(({ userId }) => userId);
  const found = await readDiscounts(tx, [...new Set([...ending, ...paying])]);
  for (const [userId, discounts] of found) change(accounts, userId, { discounts });
}

async function addHolds(tx: Tx, accounts: Map<string, Account>, items: readonly Item[]): Promise<void> {
  const named: HoldKey[] = items.flatMap(({ userId, command }) =>
    "holdId" in command && command.holdId !== undefined ? [{ userId, holdId: command.holdId }] : [],
  );
  const holding = [...accounts.values()].filter(({ held }) => held.gt(0)).map(({ userId }) => userId);
  if (named.length === 0 && holding.length === 0) return;
  const users = new Set([...holding, ...named.map(({ userId }) => userId)]);
  for (const [userId, holds] of await readHolds(tx, [...users], named)) change(accounts, userId, { holds });
}

async function addCited(tx: Tx, accounts: Map<string, Account>, items: readonly Item[]): Promise<void> {
  const citations: Citation[] = items.flatMap(({ userId, command }) =>
    command.kind === "refund" && command.transactionId !== undefined
      ? [{ userId, transactionId: command.transactionId }]
      : [],
  );
  for (const [userId, { lines, lots }] of await readCited(tx, citations)) {
    const open = (accounts.get(userId) as Account).lots;
    const closed = lots.filter((lot: Lot) => !open.some((other) => other.lot === lot.lot));
    change(accounts, userId, { cited: lines, lots: [...open, ...closed] });
  }
}

function change(accounts: Map<string, Account>, userId: string, more: Partial<Account>): void {
  accounts.set(userId, { ...(accounts.get(userId) as Account), ...more });
}
