/** The SQL of what is only read: balances, journals, outcomes. */
import { z } from "zod";
import type { Tx } from "@tollbooth/shared/db";
import { printInstant } from "@tollbooth/shared/contract";
import {
  TransactionType,
  type creditsEventOutcomes,
  type CreditTransaction,
  type explainTransaction,
} from "@tollbooth/shared/contracts/credits";
import { Inbox } from "@tollbooth/shared/inbox";
import { decimal, MoneyText, print, ZERO, type Money } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import type { BalanceFacts } from "./balance.ts";
import type { Clock } from "./loading.ts";
import { CONSUMER } from "./rows.ts";

const BalanceRow = z.object({
  user_id: z.string(),
  tier: z.string(),
  credits_monthly: MoneyText,
  balance: MoneyText,
  held: MoneyText,
  bonus_credits: MoneyText,
  free_tier_used: MoneyText,
  period_price: MoneyText,
  reset_at: z.number(),
  next_due_at: z.number(),
  created_at: z.number(),
  updated_at: z.number(),
  now: z.number(),
});

export interface BalanceRead {
  readonly facts: BalanceFacts;
  /** The price that the period is charged up to. */
  readonly periodPrice: Money;
  /** Whether time has changed it since, so that it must be settled first. */
  readonly due: boolean;
}

/** The balances of these users as they stand in their rows, by user. */
export async function readBalances(
  tx: Tx,
  { aheadMs }: Clock,
  userIds: readonly string[],
): Promise<Map<string, BalanceRead>> {
  const rows = await tx.many(
    BalanceRow,
    sql`select a.user_id, a.tier, t.credits_monthly, a.balance, a.held, a.bonus_credits, a.free_tier_used, a.period_price, a.reset_at,
          a.next_due_at, a.created_at, a.updated_at, clock_timestamp() as now
        from user_credits a join tiers t using (tier) where a.user_id = any(${userIds})`,
  );
  return new Map(rows.map((row) => [row.user_id, balanceOf(row, row.now + aheadMs)]));
}

function balanceOf(row: z.output<typeof BalanceRow>, nowMs: number): BalanceRead {
  const facts: BalanceFacts = {
    userId: row.user_id,
    tier: { tier: row.tier, credits: row.credits_monthly },
    balance: row.balance,
    held: row.held,
    bonus: row.bonus_credits,
    freeTierUsed: row.free_tier_used,
    resetAt: row.reset_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
  return { facts, periodPrice: row.period_price, due: row.next_due_at <= nowMs };
}

/** The balance that a user had at a moment, by the last line until then. */
export async function readBalanceAt(
  tx: Tx,
  userId: string,
  atMs: number,
): Promise<{ balance: Money; lineId: string | null }> {
  const row = await tx.maybe(
    z.object({ id: z.string(), balance_after: MoneyText }),
    sql`select id, balance_after from credit_transactions where user_id = ${userId} and created_at <= ${new Date(atMs)} order by seq desc limit 1`,
  );
  return { balance: row?.balance_after ?? ZERO, lineId: row?.id ?? null };
}

/** The users for whom time has done something, those who wait longest first. Locks nothing. */
export async function readDue(tx: Tx, { aheadMs }: Clock, max: number): Promise<string[]> {
  const rows = await tx.many(
    z.object({ user_id: z.string() }),
    sql`select user_id from user_credits where next_due_at <= clock_timestamp() + ${aheadMs} * interval '1 millisecond' order by next_due_at limit ${max}`,
  );
  return rows.map((row) => row.user_id);
}

const COLUMNS = sql`seq, id, user_id, transaction_type, amount, balance_after, service, model, provider_cost, markup, actor_sub, actor_role,
          reason, metadata, created_at`;

const TransactionRow = z.object({
  seq: z.string(),
  id: z.string(),
  user_id: z.string(),
  transaction_type: TransactionType,
  amount: z.string(),
  balance_after: z.string(),
  service: z.string().nullable(),
  model: z.string().nullable(),
  provider_cost: z.string().nullable(),
  markup: z.string().nullable(),
  actor_sub: z.string(),
  actor_role: z.string(),
  reason: z.string().nullable(),
  metadata: z.record(z.string(), z.json()),
  created_at: z.number(),
});

interface Page {
  readonly limit: number;
  readonly offset: number;
  /** The seq that the page before ended with. */
  readonly cursor?: string | undefined;
  readonly type?: z.output<typeof TransactionType> | undefined;
}

/** A page of a user's journal, newest first, and where the next one starts, if there is one. */
export async function readTransactions(
  tx: Tx,
  userId: string,
  { limit, offset, cursor, type }: Page,
): Promise<{ lines: z.input<typeof CreditTransaction>[]; next?: string | undefined }> {
  const before = cursor === undefined ? sql`` : sql`and seq < ${cursor}`;
  const ofType = type === undefined ? sql`` : sql`and transaction_type = ${type}`;
  const rows = await tx.many(
    TransactionRow,
    sql`select ${COLUMNS} from credit_transactions where user_id = ${userId} ${before} ${ofType}
        order by seq desc limit ${limit + 1} offset ${cursor === undefined ? offset : 0}`,
  );
  const page = rows.slice(0, limit);
  return { lines: page.map(transaction), next: rows.length > limit ? page.at(-1)?.seq : undefined };
}

function breakdownOf(cost: string, markup: string): z.input<typeof CreditTransaction>["cost_breakdown"] {
  return { provider_cost: cost, markup, total: print(decimal(cost).plus(markup)) };
}

function transaction(row: z.output<typeof TransactionRow>): z.input<typeof CreditTransaction> {
  const { seq: _seq, provider_cost, markup, actor_sub, actor_role, created_at, ...rest } = row;
  return {
    ...rest,
    cost_breakdown: provider_cost === null || markup === null ? null : breakdownOf(provider_cost, markup),
    actor: { sub: actor_sub, role: actor_role },
    created_at: printInstant(created_at),
  };
}

const DetailRow = TransactionRow.extend({
  counterparty: z.string(),
  key: z.string().nullable(),
  trace_id: z.string().nullable(),
  hash: z.string(),
  refunds: z.string().nullable(),
  draws: z.array(
    z.object({
      lot: z.union([z.number(), z.literal("debt")]),
      amount: z.string(),
      kind: z.string().nullable(),
      granted: z.string().nullable(),
    }),
  ),
  hold: z
    .object({
      hold_id: z.string(),
      state: z.string(),
      amount: z.string(),
      created_at: z.string(),
      ended_at: z.string().nullable(),
    })
    .nullable(),
});

/** Times in JSON come as Postgres writes them. */
function utcOf(text: string): string {
  return printInstant(Date.parse(text));
}

/** One line with all that the ledger knows of why it is what it is. */
export async function readTransaction(
  tx: Tx,
  userId: string,
  id: string,
): Promise<Omit<z.input<typeof explainTransaction.output>, "usage"> | undefined> {
  const row = await tx.maybe(
    DetailRow,
    sql`select ${COLUMNS}, counterparty, key, trace_id, hash,
          (select r.id::text from credit_transactions r where r.user_id = t.user_id and r.seq = t.refunds) as refunds,
          (select json_agg(json_build_object('lot', d->'lot', 'amount', d->>'amount', 'kind', l.kind, 'granted', l.granted::text))
            from json_array_elements(t.draws) d left join credit_lots l on l.user_id = t.user_id and l.lot::text = d->>'lot') as draws,
          (select json_build_object('hold_id', h.hold_id, 'state', h.state, 'amount', h.amount::text, 'created_at', h.created_at, 'ended_at', h.ended_at)
            from credit_holds h where h.user_id = t.user_id and h.hold_id = t.hold_id) as hold
        from credit_transactions t where user_id = ${userId} and id = ${id}`,
  );
  if (row === undefined) return undefined;
  const { counterparty, key, trace_id, hash, refunds, draws, hold, ...line } = row;
  const toldHold = hold && {
    ...hold,
    created_at: utcOf(hold.created_at),
    ended_at: hold.ended_at && utcOf(hold.ended_at),
  };
  return {
    ...transaction(line),
    seq: Number(line.seq),
    counterparty,
    key,
    trace_id,
    hash,
    refunds,
    draws,
    hold: toldHold,
  };
}

/** What became of events at this service's consumer, in the order asked. */
export async function readOutcomes(
  tx: Tx,
  events: readonly { user_id: string; event_id: string }[],
): Promise<z.input<typeof creditsEventOutcomes.output>> {
  const inbox = await Inbox.read(
    tx,
    CONSUMER,
    events.map(({ user_id, event_id }) => ({ userId: user_id, eventId: event_id })),
  );
  return events.map(({ event_id }) => ({ event_id, outcome: inbox.outcome(event_id) ?? "unknown" }));
}
