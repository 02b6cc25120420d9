/** Time passes in the demo: the books' clock is put ahead, and periods end as they would. */
import Table from "cli-table3";
import { getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { print, sum } from "@tollbooth/shared/money";
import { audit } from "../books.ts";
import { inLanes } from "./lanes.ts";
import type { Scene } from "./scene.ts";
import { PLAIN, trimmed } from "./tables.ts";

const LANES = 8;
const PAGE = 500;
const DAY_MS = 86_400_000;

interface Seen {
  readonly userId: string;
  readonly resets: number;
  readonly expired: string;
  readonly granted: string;
  readonly balance: string;
  readonly resetDate: number;
}

/** Shows what so many days did to each user; answers what is not as it should be. */
export async function showLater(days: number, userIds: readonly string[], scene: Scene): Promise<string[]> {
  const seen = new Map<string, Seen>();
  await inLanes(LANES, userIds, async (userId) => void seen.set(userId, await look(userId, scene)));
  const all = userIds.map((userId) => seen.get(userId) as Seen);
  console.log(`\n${days} days later:\n${laterTable(all)}`);
  const findings = await audit(scene.books);
  const broken = findings.flatMap(({ says, breaches }) => breaches.map((breach) => `${says}: not so: ${breach}`));
  // The laws rest for who is not settled yet; everybody was asked for, so everybody is.
  const late = all.filter(({ resetDate }) => resetDate <= Date.now() + days * DAY_MS);
  return [...broken, ...late.map(({ userId }) => `${userId} has a period that should have ended`)];
}

async function look(userId: string, { rest, tokenOf }: Scene): Promise<Seen> {
  const token = await tokenOf(userId, "user");
  const now = await rest.ask(getBalance, {}, { token });
  const lines = await rest.pages(listTransactions, { limit: PAGE }, { token });
  const of = (type: string) => lines.filter((line) => line.transaction_type === type);
  return {
    userId,
    resets: of("monthly_reset").length,
    expired: print(sum(of("expiry").map(({ amount }) => amount))),
    granted: print(sum(of("monthly_reset").map(({ amount }) => amount))),
    balance: print(now.balance),
    resetDate: "reset_date" in now ? now.reset_date : 0,
  };
}

function laterTable(all: readonly Seen[]): string {
  const table = new Table({
    ...PLAIN,
    head: ["user", "resets", "expired", "granted anew", "balance", "next reset"],
    colAligns: ["left", "right", "right", "right", "right", "left"],
  });
  for (const { userId, resets, expired, granted, balance, resetDate } of all)
    table.push([userId, resets, expired, granted, balance, new Date(resetDate).toISOString()]);
  return trimmed(table);
}
