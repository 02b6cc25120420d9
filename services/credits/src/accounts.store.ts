/** The SQL of accounts and their lots. One statement per table and batch, whatever the size of the batch. */
import { z } from "zod";
import type { Tx } from "@tollbooth/shared/db";
import { MoneyText, print } from "@tollbooth/shared/money";
import { sql, table } from "@tollbooth/shared/sql";
import { balance, type Account } from "./account.ts";
import { worth, type Lot } from "./lots.ts";
import type { Tier } from "./period.ts";
import { readTiers } from "./tiers.store.ts";
import { nextDueAt } from "./time.ts";

const AccountRow = z.object({
  user_id: z.string(),
  tier: z.string(),
  pending_tier: z.string().nullable(),
  held: MoneyText,
  debt: MoneyText,
  overdraft_limit: MoneyText,
  free_tier_used: MoneyText,
  last_seq: z.coerce.number(),
  last_lot: z.number(),
  last_charge: z.number(),
  head_hash: z.string(),
  anchor_at: z.number(),
  period: z.number(),
  period_start: z.number(),
  reset_at: z.number(),
  period_granted: MoneyText,
  period_price: MoneyText,
  reset_by_hand: z.number().nullable(),
  created_at: z.number(),
  updated_at: z.number(),
});

/** An account as it was locked, and the hash of its last journal line. */
export interface Locked {
  readonly account: Account;
  readonly head: string;
}

/** Locks the accounts of these users, in user_id order, and makes those that are missing. */
export async function lockAccounts(tx: Tx, sortedIds: readonly string[]): Promise<Map<string, Locked>> {
  const locked = await lock(tx, sortedIds);
  const missing = sortedIds.filter((id) => !locked.has(id));
  if (missing.length === 0) return locked;
  await tx.run(
    sql`insert into user_credits (user_id, tier, anchor_at, period_start, reset_at, next_due_at, created_at, updated_at)
        select id, 'trial', t.now, t.now, t.ends, t.now, t.now, t.now
        from unnest(${missing}::text[]) with ordinality as u (id, n), (
          select now, (now at time zone 'UTC' + interval '1 month') at time zone 'UTC' as ends
          from (select date_trunc('milliseconds', clock_timestamp()) as now) c
        ) t order by n on conflict (user_id) do nothing`,
  );
  for (const [id, found] of await lock(tx, missing)) locked.set(id, found);
  return locked;
}

/** The database's clock, in milliseconds since 1970. */
export async function readClock(tx: Tx): Promise<number> {
  return (await tx.one(z.object({ now: z.number() }), sql`select clock_timestamp() as now`)).now;
}

/** The lots of these users that hold anything. */
export function readOpenLots(tx: Tx, userIds: readonly string[]): Promise<Map<string, Lot[]>> {
  return readLots(tx, sql`user_id = any(${userIds}) and open`);
}

async function lock(tx: Tx, sortedIds: readonly string[]): Promise<Map<string, Locked>> {
  const [rows, tiers] = await Promise.all([
    tx.many(
      AccountRow,
      sql`select user_id, tier, pending_tier, held, debt, overdraft_limit, free_tier_used, last_seq, last_lot, last_charge, head_hash, anchor_at,
            period, period_start, reset_at, period_granted, period_price, reset_by_hand, created_at, updated_at
          from user_credits where user_id = any(${sortedIds}) order by user_id for update`,
    ),
    readTiers(tx),
  ]);
  const named = new Map(tiers.map((tier) => [tier.tier, tier]));
  return new Map(rows.map((row) => [row.user_id, { head: row.head_hash, account: accountOf(row, named) }]));
}

function accountOf(row: z.output<typeof AccountRow>, tiers: ReadonlyMap<string, Tier>): Account {
  return {
    userId: row.user_id,
    tier: tiers.get(row.tier) as Tier,
    pendingTier: row.pending_tier === null ? null : (tiers.get(row.pending_tier) as Tier),
    lots: [],
    holds: [],
    cited: [],
    discounts: [],
    held: row.held,
    debt: row.debt,
    overdraftLimit: row.overdraft_limit,
    freeTierUsed: row.free_tier_used,
    lastSeq: row.last_seq,
    lastLot: row.last_lot,
    lastCharge: row.last_charge,
    anchorAt: row.anchor_at,
    period: row.period,
    periodStart: row.period_start,
    resetAt: row.reset_at,
    periodGranted: row.period_granted,
    periodPrice: row.period_price,
    resetByHand: row.reset_by_hand,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

const LotRow = z
  .object({
    user_id: z.string(),
    lot: z.number(),
    kind: z.enum(["monthly", "bonus", "purchase", "refund", "adjustment"]),
    granted: MoneyText,
    remaining: MoneyText,
    held: MoneyText,
    priority: z.number(),
    active: z.boolean(),
    rolled: z.boolean(),
    effective_at: z.number(),
    expires_at: z.number().nullable(),
  })
  .transform(({ user_id, effective_at, expires_at, ...lot }): { userId: string; lot: Lot } => ({
    userId: user_id,
    lot: { ...lot, effectiveAt: effective_at, expiresAt: expires_at },
  }));

/** The lots of which the condition holds, by user, in the order of their numbers. */
export async function readLots(tx: Tx, condition: ReturnType<typeof sql>): Promise<Map<string, Lot[]>> {
  const rows = await tx.many(
    LotRow,
    sql`select user_id, lot, kind, granted, remaining, held, priority, active, rolled, effective_at, expires_at
        from credit_lots where ${condition} order by user_id, lot`,
  );
  const lots = new Map<string, Lot[]>();
  for (const { userId, lot } of rows) lots.set(userId, [...(lots.get(userId) ?? []), lot]);
  return lots;
}

export interface Change {
  readonly before: Account;
  readonly after: Account;
  /** The hash of the last line now. */
  readonly head: string;
}

/** Writes accounts as they are after a batch. Those that did not change are left alone. */
export async function saveAccounts(tx: Tx, changes: readonly Change[]): Promise<void> {
  const rows = changes.map(({ after, head }) => ({
    user_id: after.userId,
    tier: after.tier.tier,
    pending_tier: after.pendingTier?.tier ?? null,
    balance: print(balance(after)),
    held: print(after.held),
    debt: print(after.debt),
    bonus_credits: print(worth(after.lots, "bonus")),
    free_tier_used: print(after.freeTierUsed),
    last_seq: after.lastSeq,
    last_lot: after.lastLot,
    last_charge: after.lastCharge,
    head_hash: head,
    period: after.period,
    period_start: after.periodStart,
    reset_at: after.resetAt,
    period_granted: print(after.periodGranted),
    period_price: print(after.periodPrice),
    reset_by_hand: after.resetByHand,
    next_due_at: nextDueAt(after),
    updated_at: after.updatedAt,
  }));
  if (rows.length === 0) return;
  // prettier-ignore
  const columns = {
    user_id: "text", tier: "text", pending_tier: "text", balance: "numeric", held: "numeric", debt: "numeric", bonus_credits: "numeric",
    free_tier_used: "numeric", last_seq: "bigint", last_lot: "int", last_charge: "int", head_hash: "text", period: "int",
    period_start: "bigint", reset_at: "bigint", period_granted: "numeric", period_price: "numeric", reset_by_hand: "int",
    next_due_at: "bigint", updated_at: "bigint",
  };
  await tx.run(
    sql`update user_credits a set tier = n.tier, pending_tier = n.pending_tier, balance = n.balance, held = n.held, debt = n.debt,
          bonus_credits = n.bonus_credits, free_tier_used = n.free_tier_used, last_seq = n.last_seq, last_lot = n.last_lot,
          last_charge = n.last_charge, head_hash = n.head_hash, period = n.period, period_start = to_timestamp(n.period_start / 1000.0), reset_at = to_timestamp(n.reset_at / 1000.0),
          period_granted = n.period_granted, period_price = n.period_price, reset_by_hand = n.reset_by_hand,
          next_due_at = to_timestamp(n.next_due_at / 1000.0), updated_at = to_timestamp(n.updated_at / 1000.0)
        from ${table(columns, rows)} as n (user_id, tier, pending_tier, balance, held, debt, bonus_credits, free_tier_used, last_seq, last_lot,
          last_charge, head_hash, period, period_start, reset_at, period_granted, period_price, reset_by_hand, next_due_at, updated_at)
        where a.user_id = n.user_id`,
  );
}

/** Writes new lots, and what is left and held of those that moved. */
export async function saveLots(tx: Tx, changes: readonly Change[]): Promise<void> {
  const rows = changes.flatMap(({ before, after }) => {
    const known = new Map(before.lots.map((lot) => [lot.lot, lot]));
    return after.lots.filter((lot) => known.get(lot.lot) !== lot).map((lot) => lotRow(after.userId, lot));
  });
  if (rows.length === 0) return;
  // prettier-ignore
  const columns = {
    user_id: "text", lot: "int", kind: "text", granted: "numeric", remaining: "numeric", held: "numeric", priority: "smallint",
    active: "boolean", rolled: "boolean", effective_at: "bigint", expires_at: "bigint",
  };
  await tx.run(
    sql`insert into credit_lots (user_id, lot, kind, granted, remaining, held, priority, active, rolled, effective_at, expires_at)
        select user_id, lot, kind, granted, remaining, held, priority, active, rolled, to_timestamp(effective_at / 1000.0), to_timestamp(expires_at / 1000.0)
        from ${table(columns, rows)} as n (user_id, lot, kind, granted, remaining, held, priority, active, rolled, effective_at, expires_at)
        on conflict (user_id, lot) do update set granted = excluded.granted, remaining = excluded.remaining, held = excluded.held,
          active = excluded.active, expires_at = excluded.expires_at`,
  );
}

function lotRow(userId: string, lot: Lot) {
  return {
    user_id: userId,
    lot: lot.lot,
    kind: lot.kind,
    granted: print(lot.granted),
    remaining: print(lot.remaining),
    held: print(lot.held),
    priority: lot.priority,
    active: lot.active,
    rolled: lot.rolled,
    effective_at: lot.effectiveAt,
    expires_at: lot.expiresAt,
  };
}
