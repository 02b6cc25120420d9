/** Walking journals as they are stored: whether every chain holds, and the root over all heads. */
import { createHash } from "node:crypto";
import type { Tx } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { z } from "zod";
import { ChainCheck } from "./chain.ts";
import { readChains } from "./journal.store.ts";

export interface Verified {
  readonly users: number;
  readonly lines: number;
  /** Where a chain breaks, one text each, the first 20. */
  readonly breaks: readonly string[];
}

const LINES_A_PAGE = 5_000;
const SHOWN_MAX = 20;

/** Recomputes every chain from what is stored, or one user's, and compares its end with the head in his account. */
export async function verify(tx: Tx, onlyUser?: string): Promise<Verified> {
  const breaks: string[] = [];
  const broken = (userId: string, what: string | undefined) => {
    if (what !== undefined && breaks.length < SHOWN_MAX) breaks.push(`${userId}: ${what}`);
  };
  let at = { userId: onlyUser ?? "", seq: "0" };
  let check = new ChainCheck();
  let users = 0;
  let lines = 0;
  for (;;) {
    const page = await readChains(tx, at, LINES_A_PAGE, onlyUser);
    for (const { hash, ...line } of page) {
      if (line.user_id !== at.userId || lines === 0) {
        if (lines > 0) broken(at.userId, await headOf(tx, at.userId, check.head));
        check = new ChainCheck();
        users++;
      }
      broken(line.user_id, check.follow(line, hash));
      at = { userId: line.user_id, seq: line.seq };
      lines++;
    }
    if (page.length < LINES_A_PAGE) break;
  }
  if (lines > 0) broken(at.userId, await headOf(tx, at.userId, check.head));
  for (const userId of await accountsWithoutLines(tx, onlyUser)) broken(userId, "has a head, but no line");
  return { users, lines, breaks };
}

/** What is wrong with the head that an account carries. */
async function headOf(tx: Tx, userId: string, head: string): Promise<string | undefined> {
  const account = await tx.maybe(
    z.object({ head_hash: z.string() }),
    sql`select head_hash from user_credits where user_id = ${userId}`,
  );
  return account?.head_hash === head
    ? undefined
    : "the last line is not the account's head: lines are missing at the end, or the head was changed";
}

async function accountsWithoutLines(tx: Tx, onlyUser?: string): Promise<string[]> {
  const only = onlyUser === undefined ? sql`` : sql`and a.user_id = ${onlyUser}`;
  const rows = await tx.many(
    z.object({ user_id: z.string() }),
    sql`select user_id from user_credits a where head_hash <> '' ${only}
        and not exists (select from credit_transactions t where t.user_id = a.user_id) order by user_id limit ${SHOWN_MAX}`,
  );
  return rows.map((row) => row.user_id);
}

const USERS_A_PAGE = 5_000;

/**
 * The root over the heads that all journals had at a moment, by the lines that were posted until then: sha256 over them in
 * user_id order. Kept outside the database, it proves that no chain was rewritten since.
 */
export async function rootAt(tx: Tx, atMs: number): Promise<{ users: number; root: string }> {
  const root = createHash("sha256");
  let users = 0;
  let after = "";
  for (;;) {
    const page = await tx.many(
      z.object({ user_id: z.string(), hash: z.string() }),
      sql`select user_id, hash from (
            select user_id from user_credits where user_id > ${after} order by user_id limit ${USERS_A_PAGE}
          ) u cross join lateral (
            select hash from credit_transactions t where t.user_id = u.user_id and t.posted_at <= ${new Date(atMs)} order by seq desc limit 1
          ) t order by user_id`,
    );
    for (const { user_id, hash } of page) root.update(JSON.stringify([user_id, hash]));
    users += page.length;
    const last = await tx.maybe(
      z.object({ last: z.string().nullable(), more: z.boolean() }),
      sql`select max(user_id) as last, count(*) = ${USERS_A_PAGE} as more from (
            select user_id from user_credits where user_id > ${after} order by user_id limit ${USERS_A_PAGE}) u`,
    );
    if (last === undefined || last.last === null || !last.more) return { users, root: root.digest("hex") };
    after = last.last;
  }
}
