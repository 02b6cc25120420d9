/** The SQL of holds. */
import { z } from "zod";
import type { Tx } from "@tollbooth/shared/db";
import { MoneyText, print } from "@tollbooth/shared/money";
import { sql, table } from "@tollbooth/shared/sql";
import type { Change } from "./accounts.store.ts";
import type { Hold } from "./hold.ts";
import { DrawsRow, drawsText } from "./rows.ts";

const HoldRow = z
  .object({
    user_id: z.string(),
    hold_id: z.string(),
    state: z.enum(["active", "captured", "released", "expired"]),
    amount: MoneyText,
    parts: DrawsRow,
    paid: DrawsRow,
    created_at: z.number(),
    expires_at: z.number(),
    ended_at: z.number().nullable(),
    captured_line: z.coerce.number().nullable(),
  })
  .transform((row): { userId: string; hold: Hold } => ({
    userId: row.user_id,
    hold: {
      holdId: row.hold_id,
      state: row.state,
      amount: row.amount,
      parts: row.parts,
      paid: row.paid,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      endedAt: row.ended_at,
      capturedLine: row.captured_line,
    },
  }));

export interface HoldKey {
  readonly userId: string;
  readonly holdId: string;
}

/** The active holds of these users, and the named ones whatever their state, by user. */
export async function readHolds(
  tx: Tx,
  userIds: readonly string[],
  named: readonly HoldKey[],
): Promise<Map<string, Hold[]>> {
  const holds = new Map<string, Hold[]>();
  if (userIds.length === 0) return holds;
  const wanted = table({ userId: "text", holdId: "text" }, named);
  const rows = await tx.many(
    HoldRow,
    sql`select user_id, hold_id, state, amount, parts, paid, created_at, expires_at, ended_at, captured_line
        from credit_holds where state = 'active' and user_id = any(${userIds})
        union all
        select user_id, hold_id, state, amount, parts, paid, created_at, expires_at, ended_at, captured_line
        from credit_holds join (select distinct * from ${wanted} as n (user_id, hold_id)) n using (user_id, hold_id) where state <> 'active'`,
  );
  for (const { userId, hold } of rows) holds.set(userId, [...(holds.get(userId) ?? []), hold]);
  return holds;
}

/** Writes new holds and those that ended or were settled. */
export async function saveHolds(tx: Tx, changes: readonly Change[]): Promise<void> {
  const rows = changes.flatMap(({ before, after }) => {
    const known = new Set(before.holds);
    return after.holds.filter((hold) => !known.has(hold)).map((hold) => holdRow(after.userId, hold));
  });
  if (rows.length === 0) return;
  // prettier-ignore
  const columns = {
    user_id: "text", hold_id: "text", state: "text", amount: "numeric", parts: "json", paid: "json",
    created_at: "bigint", expires_at: "bigint", ended_at: "bigint", captured_line: "bigint",
  };
  await tx.run(
    sql`insert into credit_holds (user_id, hold_id, state, amount, parts, paid, created_at, expires_at, ended_at, captured_line)
        select user_id, hold_id, state, amount, parts, paid, to_timestamp(created_at / 1000.0), to_timestamp(expires_at / 1000.0),
          to_timestamp(ended_at / 1000.0), captured_line
        from ${table(columns, rows)} as n (user_id, hold_id, state, amount, parts, paid, created_at, expires_at, ended_at, captured_line)
        on conflict (user_id, hold_id) do update set state = excluded.state, parts = excluded.parts, paid = excluded.paid,
          ended_at = excluded.ended_at, captured_line = excluded.captured_line`,
  );
}

function holdRow(userId: string, hold: Hold) {
  return {
    user_id: userId,
    hold_id: hold.holdId,
    state: hold.state,
    amount: print(hold.amount),
    parts: drawsText(hold.parts),
    paid: drawsText(hold.paid),
    created_at: hold.createdAt,
    expires_at: hold.expiresAt,
    ended_at: hold.endedAt,
    captured_line: hold.capturedLine,
  };
}
