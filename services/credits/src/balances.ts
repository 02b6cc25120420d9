/** Balances that are asked for while the last ones are read are read together: one statement for all of them. */
import { Batcher } from "@tollbooth/shared/batch";
import { isTransient, type Db } from "@tollbooth/shared/db";
import type { Clock } from "./loading.ts";
import { readBalances, type BalanceRead } from "./reads.store.ts";

/** By user; undefined for one who is not known. */
export type Balances = Batcher<string, BalanceRead | undefined>;

const BATCH_MAX = 500;
const LANES = 2;
const QUEUE_MAX = 10_000;

/** A balance that is asked for is read after that, so whoever was told of a change sees it. */
export function openBalances(db: Db, clock: Clock): Balances {
  return new Batcher<string, BalanceRead | undefined>({
    name: "credits.balance",
    run: async (userIds) => {
      const found = await readBalances(db, clock, [...new Set(userIds)]);
      return userIds.map((userId) => found.get(userId));
    },
    keyOf: (userId) => userId,
    isTransient,
    batchMax: BATCH_MAX,
    lanes: LANES,
    queueMax: QUEUE_MAX,
  });
}
