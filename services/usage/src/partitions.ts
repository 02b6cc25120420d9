/** The months of usage_events: made ahead, dropped when their time is over. */
import type { Db, Tx } from "@tollbooth/shared/db";
import { monthOf, type Period } from "./period.ts";
import {
  deleteEventsBefore,
  dropMonth,
  forgetIdentities,
  lockMonths,
  makeMonth,
  readMonths,
} from "./partitions.store.ts";

const DAY_MS = 86_400_000;
/** Late events reach this far back. */
const BEHIND_MS = 35 * DAY_MS;
const MONTHS_AHEAD = 2;

/** From when on events are kept one by one; older ones are only in the sums. */
export function keptFrom(now: number, retentionMonths: number): number {
  return monthOf(now, -retentionMonths).start;
}

/** Makes the months that events may fall into and drops those that are no longer kept. Safe to run by every replica at once. */
export async function tendMonths(db: Db, now: number, retentionMonths: number): Promise<void> {
  await db.tx(async (tx) => {
    await lockMonths(tx);
    const there = await readMonths(tx);
    for (const { start } of needed(now)) if (!there.includes(start)) await makeMonth(tx, start);
    const kept = keptFrom(now, retentionMonths);
    for (const start of there) if (monthOf(start).end <= kept) await dropMonth(tx, start);
    await deleteEventsBefore(tx, kept);
  });
}

function needed(now: number): Period[] {
  const months: Period[] = [];
  const last = monthOf(now, MONTHS_AHEAD).start;
  for (let month = monthOf(now - BEHIND_MS); month.start <= last; month = monthOf(month.end)) months.push(month);
  return months;
}

/** Forgets the identities of events after 100 days; answers how many. */
export async function forgetOld(tx: Tx): Promise<number> {
  let forgotten = 0;
  for (;;) {
    const some = await forgetIdentities(tx);
    if (some === 0) return forgotten;
    forgotten += some;
  }
}
