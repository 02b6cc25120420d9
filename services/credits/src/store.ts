/** All SQL of the ledger. One statement per table and batch, whatever the size of the batch. */
import { z } from "zod";
import type { Tx } from "@tollbooth/shared/db";
import { MoneyText, print } from "@tollbooth/shared/money";
import { sql, table } from "@tollbooth/shared/sql";
import { balance, nextDueAt, type Account, type Line } from "./account.ts";
import { worth, type Lot } from "./lots.ts";

const AccountRow = z
  .object({
    user_id: z.string(),
    tier: z.string(),
    credits_monthly: MoneyText,
    held: MoneyText,
    debt: MoneyText,
    free_tier_used: MoneyText,
    last_seq: z.coerce.number(),
    last_lot: z.number(),
    reset_at: z.number(),
    created_at: z.number(),
    updated_at: z.number(),
  })
  .transform((row): Account => ({
    userId: row.user_id,
    tier: row.tier,
    tierCredits: row.credits_monthly,
    lots: [],
    held: row.held,
    debt: row.debt,
    freeTierUsed: row.free_tier_used,
    lastSeq: row.last_seq,
    lastLot: row.last_lot,
    resetAt: row.reset_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }));

const LotRow = z
  .object({
    user_id: z.string(),
    lot: z.number(),
    kind: z.enum(["monthly", "bonus", "purchase", "refund", "adjustment"]),
    granted: MoneyText,
    remaining: MoneyText,
    priority: z.number(),
    active: z.boolean(),
    effective_at: z.number(),
    expires_at: z.number().nullable(),
  })
  .transform(({ user_id, effective_at, expires_at, ...lot }): { userId: string; lot: Lot } => ({
    userId: user_id,
    lot: { ...lot, effectiveAt: effective_at, expiresAt: expires_at },
  }));

/**
 * Locks the accounts of these users, in user_id order, and makes those that are missing. Answers them with their open lots
 * and a clock taken after the locks.
 */
export async function lockAccounts(
  tx: Tx,
  userIds: readonly string[],
): Promise<{ accounts: Map<string, Account>; nowMs: number }> {
  const ids = [...new Set(userIds)].toSorted();
  const accounts = new Map((await lock(tx, ids)).map((account) => [account.userId, account]));
  const missing = ids.filter((id) => !accounts.has(id));
  if (missing.length > 0) {
    await tx.run(
      sql`insert into user_credits (user_id, tier, anchor_at, reset_at, created_at, updated_at)
          select id, 'trial', t.now, t.now + interval '1 month', t.now, t.now
          from unnest(${missing}::text[]) with ordinality as u (id, n), (select date_trunc('milliseconds', clock_timestamp()) as now) t
          order by n on conflict (user_id) do nothing`,
    );
    for (const account of await lock(tx, missing)) accounts.set(account.userId, account);
  }
  const { now } = await tx.one(z.object({ now: z.number() }), sql`select clock_timestamp() as now`);
  for (const { userId, lot } of await openLots(tx, ids)) {
    const account = accounts.get(userId) as Account;
    accounts.set(userId, { ...account, lots: [...account.lots, lot] });
  }
  return { accounts, nowMs: now };
}

function lock(tx: Tx, sortedIds: readonly string[]): Promise<Account[]> {
  return tx.many(
    AccountRow,
    sql`select a.user_id, a.tier, t.credits_monthly, a.held, a.debt, a.free_tier_used, a.last_seq, a.last_lot, a.reset_at, a.created_at, a.updated_at
        from user_credits a join tiers t using (tier) where a.user_id = any(${sortedIds}) order by a.user_id for update of a`,
  );
}

function openLots(tx: Tx, userIds: readonly string[]): Promise<{ userId: string; lot: Lot }[]> {
  return tx.many(
    LotRow,
    sql`select user_id, lot, kind, granted, remaining, priority, active, effective_at, expires_at
        from credit_lots where user_id = any(${userIds}) and remaining > 0 order by user_id, lot`,
  );
}

/** Writes accounts as they are after a batch. Those that did not change are left alone. */
export async function saveAccounts(tx: Tx, changes: readonly { before: Account; after: Account }[]): Promise<void> {
  const rows = changes
    .filter(({ before, after }) => before !== after)
    .map(({ after }) => ({
      user_id: after.userId,
      balance: print(balance(after)),
      held: print(after.held),
      debt: print(after.debt),
      bonus: print(worth(after.lots, "bonus")),
      free: print(after.freeTierUsed),
      last_seq: after.lastSeq,
      last_lot: after.lastLot,
      due: isoOrNull(nextDueAt(after)),
      updated_at: iso(after.updatedAt),
    }));
  if (rows.length === 0) return;
  const columns = {
    user_id: "text",
    balance: "numeric",
    held: "numeric",
    debt: "numeric",
    bonus: "numeric",
    free: "numeric",
    last_seq: "bigint",
    last_lot: "int",
    due: "timestamptz",
    updated_at: "timestamptz",
  };
  await tx.run(
    sql`update user_credits a set balance = n.balance, held = n.held, debt = n.debt, bonus_credits = n.bonus, free_tier_used = n.free,
          last_seq = n.last_seq, last_lot = n.last_lot, next_due_at = n.due, updated_at = n.updated_at
        from ${table(columns, rows)} as n (user_id, balance, held, debt, bonus, free, last_seq, last_lot, due, updated_at)
        where a.user_id = n.user_id`,
  );
}

/** Writes new lots, and what is left of those that gave or took. */
export async function saveLots(tx: Tx, changes: readonly { before: Account; after: Account }[]): Promise<void> {
  const rows = changes.flatMap(({ before, after }) => {
    const known = new Map(before.lots.map((lot) => [lot.lot, lot]));
    return after.lots.filter((lot) => known.get(lot.lot) !== lot).map((lot) => lotRow(after.userId, lot));
  });
  if (rows.length === 0) return;
  const columns = {
    user_id: "text",
    lot: "int",
    kind: "text",
    granted: "numeric",
    remaining: "numeric",
    priority: "smallint",
    active: "boolean",
    effective_at: "timestamptz",
    expires_at: "timestamptz",
  };
  await tx.run(
    sql`insert into credit_lots (user_id, lot, kind, granted, remaining, priority, active, effective_at, expires_at)
        select * from ${table(columns, rows)}
        on conflict (user_id, lot) do update set granted = excluded.granted, remaining = excluded.remaining, active = excluded.active`,
  );
}

function lotRow(userId: string, lot: Lot) {
  return {
    user_id: userId,
    lot: lot.lot,
    kind: lot.kind,
    granted: print(lot.granted),
    remaining: print(lot.remaining),
    priority: lot.priority,
    active: lot.active,
    effective_at: iso(lot.effectiveAt),
    expires_at: isoOrNull(lot.expiresAt),
  };
}

/** Writes journal lines. */
export async function appendLines(tx: Tx, lines: readonly { id: string; userId: string; line: Line }[]): Promise<void> {
  if (lines.length === 0) return;
  const columns = {
    user_id: "text",
    seq: "bigint",
    id: "uuid",
    type: "text",
    amount: "numeric",
    balance_after: "numeric",
    counterparty: "text",
    service: "text",
    model: "text",
    provider_cost: "numeric",
    markup: "numeric",
    draws: "json",
    actor_sub: "text",
    actor_role: "text",
    reason: "text",
    metadata: "json",
    key: "text",
    created_at: "timestamptz",
  };
  await tx.run(
    sql`insert into credit_transactions (user_id, seq, id, transaction_type, amount, balance_after, counterparty, service, model,
          provider_cost, markup, draws, actor_sub, actor_role, reason, metadata, key, created_at)
        select * from ${table(columns, lines.map(lineRow))}`,
  );
}

function lineRow({ id, userId, line }: { id: string; userId: string; line: Line }) {
  return {
    user_id: userId,
    seq: line.seq,
    id,
    type: line.type,
    amount: print(line.amount),
    balance_after: print(line.balanceAfter),
    counterparty: line.counterparty,
    service: line.service,
    model: line.model,
    provider_cost: line.cost && print(line.cost.providerCost),
    markup: line.cost && print(line.cost.markup),
    draws: JSON.stringify(line.draws.map(({ lot, amount }) => ({ lot, amount: print(amount) }))),
    actor_sub: line.actor.sub,
    actor_role: line.actor.role,
    reason: line.reason,
    metadata: JSON.stringify(line.metadata),
    key: line.key,
    created_at: iso(line.createdAt),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}
