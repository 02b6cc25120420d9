/** What asks OpenRouter first and writes afterwards, once for a key. */
import type { Db, Tx } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import type { Reply } from "@tollbooth/shared/handler";
import { Keys, type Keyed } from "@tollbooth/shared/idempotency";
import { clockMs } from "./accounts.store.ts";

/** Prepares, then writes in one transaction with the key's memory; a key that has an answer gets it again, and nothing is prepared. */
export async function once(
  db: Db,
  key: Keyed | undefined,
  prepare: () => Promise<(tx: Tx) => Promise<Reply>>,
): Promise<Reply> {
  const uses = key === undefined ? [] : [key];
  const before = key && (await Keys.recall(db, uses)).before(key, await clockMs(db));
  if (before instanceof Fault) throw before;
  if (before !== undefined) return before;
  const write = await prepare();
  return db.tx(async (tx) => {
    const nowMs = await clockMs(tx);
    const keys = await Keys.recall(tx, uses);
    const meanwhile = key && keys.before(key, nowMs);
    if (meanwhile instanceof Fault) throw meanwhile;
    if (meanwhile !== undefined) return meanwhile;
    const reply = await write(tx);
    keys.once(key, nowMs, () => reply);
    await keys.remember(tx);
    return reply;
  });
}
