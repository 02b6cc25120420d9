/** The job that finds users for whom time has done something and nobody has looked since. Any replica may run it. */
import type { Db } from "@tollbooth/shared/db";
import type { Clock } from "./loading.ts";
import { submit, type Poster } from "./posting.ts";
import { readDue } from "./reads.store.ts";

const USERS_A_ROUND = 500;

/** Settles whoever is due, a bounded number at a time, until nobody is; two replicas at once settle each of them once. */
export async function settleDue(db: Db, clock: Clock, poster: Poster, signal: AbortSignal): Promise<number> {
  let settled = 0;
  while (!signal.aborted) {
    const due = await readDue(db, clock, USERS_A_ROUND);
    await Promise.all(due.map((userId) => submit(poster, { userId, command: { kind: "settle" } })));
    settled += due.length;
    if (due.length < USERS_A_ROUND) break;
  }
  return settled;
}
