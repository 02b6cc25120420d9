/** The SQL of what is only read: balances, journals, tiers, outcomes. */
import { z } from "zod";
import type { Tx } from "@tollbooth/shared/db";
import { printInstant } from "@tollbooth/shared/contract";
import type {
  creditsEventOutcomes,
  CreditTransaction,
  TierInfo,
  TransactionType,
} from "@tollbooth/shared/contracts/credits";
import { decimal, MoneyText, print } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import { Inbox } from "@tollbooth/shared/inbox";
import type { BalanceFacts } from "./balance.ts";
import { CONSUMER } from "./posting.ts";

const BalanceRow = z.object({
  user_id: z.string(),
  tier: z.string(),
  credits_monthly: MoneyText,
  balance: MoneyText,
  held: MoneyText,
  bonus_credits: MoneyText,
  free_tier_used: MoneyText,
  reset_at: z.number(),
  created_at: z.number(),
  updated_at: z.number(),
  due: z.boolean(),
});

/** A user's balance as it stands in his row; `due` says that time has changed it and it must be settled first. */
export async function readBalance(tx: Tx, userId: string): Promise<{ facts: BalanceFacts; due: boolean } | undefined> {
  const row = await tx.maybe(
    BalanceRow,
    sql`select a.user_id, a.tier, t.credits_monthly, a.balance, a.held, a.bonus_credits, a.free_tier_used, a.reset_at, a.created_at, a.updated_at,
          coalesce(a.next_due_at <= clock_timestamp(), false) as due
        from user_credits a join tiers t using (tier) where a.user_id = ${userId}`,
  );
  if (row === undefined) return undefined;
  const facts: BalanceFacts = {
    userId: row.user_id,
    tier: row.tier,
    tierCredits: row.credits_monthly,
    balance: row.balance,
    held: row.held,
    bonus: row.bonus_credits,
    freeTierUsed: row.free_tier_used,
    resetAt: row.reset_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
  return { facts, due: row.due };
}

const TransactionRow = z.object({
  seq: z.string(),
  id: z.string(),
  user_id: z.string(),
  transaction_type: z.string(),
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
    sql`select seq, id, user_id, transaction_type, amount, balance_after, service, model, provider_cost, markup, actor_sub, actor_role, reason, metadata, created_at
        from credit_transactions where user_id = ${userId} ${before} ${ofType} order by seq desc limit ${limit + 1} offset ${cursor === undefined ? offset : 0}`,
  );
  const page = rows.slice(0, limit);
  return { lines: page.map(transaction), next: rows.length > limit ? page.at(-1)?.seq : undefined };
}

function transaction(row: z.output<typeof TransactionRow>): z.input<typeof CreditTransaction> {
  const { seq: _seq, provider_cost, markup, actor_sub, actor_role, created_at, ...rest } = row;
  return {
    ...rest,
    transaction_type: rest.transaction_type as z.output<typeof TransactionType>,
    cost_breakdown:
      provider_cost === null || markup === null
        ? null
        : { provider_cost, markup, total: print(decimal(provider_cost).plus(markup)) },
    actor: { sub: actor_sub, role: actor_role },
    created_at: printInstant(created_at),
  };
}

/** The tiers, cheapest first. */
export function readTiers(tx: Tx): Promise<z.input<typeof TierInfo>[]> {
  const Row = z.object({
    tier: z.string(),
    price_monthly: z.string(),
    credits_monthly: z.string(),
    features: z.array(z.string()),
  });
  return tx.many(
    Row,
    sql`select tier, price_monthly, credits_monthly, features from tiers order by price_monthly, tier`,
  );
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
