/** The SQL of the journal. */
import { z } from "zod";
import type { Tx } from "@tollbooth/shared/db";
import { MoneyText, print, sum } from "@tollbooth/shared/money";
import { sql, table } from "@tollbooth/shared/sql";
import type { CitedLine, Line } from "./account.ts";
import { readLots } from "./accounts.store.ts";
import type { StoredLine } from "./chain.ts";
import type { Lot } from "./lots.ts";
import { DrawsRow, drawsText } from "./rows.ts";

export interface NewLine {
  readonly id: string;
  readonly userId: string;
  readonly line: Line;
  readonly traceId: string | null;
  /** When the batch was posted. */
  readonly postedAt: number;
}

/** A line as its columns will hold it: what its hash is made of. */
export function storedLine({ id, userId, line, traceId, postedAt }: NewLine): StoredLine {
  return {
    user_id: userId,
    seq: String(line.seq),
    id,
    transaction_type: line.type,
    amount: print(line.amount),
    balance_after: print(line.balanceAfter),
    counterparty: line.counterparty,
    service: line.service,
    model: line.model,
    provider_cost: line.cost && print(line.cost.providerCost),
    markup: line.cost && print(line.cost.markup),
    draws: drawsText(line.draws),
    actor_sub: line.actor.sub,
    actor_role: line.actor.role,
    reason: line.reason,
    metadata: JSON.stringify(line.metadata),
    key: line.key,
    hold_id: line.holdId,
    refunds: line.refunds === null ? null : String(line.refunds),
    trace_id: traceId,
    created_at: String(line.createdAt),
    posted_at: String(postedAt),
  };
}

/** Writes journal lines with their hashes. */
export async function appendLines(tx: Tx, lines: readonly (StoredLine & { hash: string })[]): Promise<void> {
  if (lines.length === 0) return;
  // prettier-ignore
  const columns = {
    user_id: "text", seq: "bigint", id: "uuid", transaction_type: "text", amount: "numeric", balance_after: "numeric", counterparty: "text",
    service: "text", model: "text", provider_cost: "numeric", markup: "numeric", draws: "json", actor_sub: "text", actor_role: "text",
    reason: "text", metadata: "json", key: "text", hold_id: "text", refunds: "bigint", trace_id: "text", created_at: "bigint",
    posted_at: "bigint", hash: "text",
  };
  await tx.run(
    sql`insert into credit_transactions (user_id, seq, id, transaction_type, amount, balance_after, counterparty, service, model, provider_cost,
          markup, draws, actor_sub, actor_role, reason, metadata, key, hold_id, refunds, trace_id, created_at, posted_at, hash)
        select user_id, seq, id, transaction_type, amount, balance_after, counterparty, service, model, provider_cost, markup, draws, actor_sub,
          actor_role, reason, metadata, key, hold_id, refunds, trace_id, to_timestamp(created_at / 1000.0), to_timestamp(posted_at / 1000.0), hash
        from ${table(columns, lines)} as n (user_id, seq, id, transaction_type, amount, balance_after, counterparty, service, model, provider_cost,
          markup, draws, actor_sub, actor_role, reason, metadata, key, hold_id, refunds, trace_id, created_at, posted_at, hash)`,
  );
}

/** A line that a refund names. */
export interface Citation {
  readonly userId: string;
  readonly transactionId: string;
}

const CitedRow = z.object({
  user_id: z.string(),
  id: z.string(),
  seq: z.coerce.number(),
  transaction_type: z.enum(["allocation", "usage", "bonus", "refund", "monthly_reset", "expiry", "adjustment"]),
  amount: MoneyText,
  draws: DrawsRow,
  refunds: z.array(z.object({ amount: MoneyText, draws: DrawsRow })),
});

/** The lines that refunds name, with what was given back of each, and the lots they were taken from, by user. */
export async function readCited(
  tx: Tx,
  citations: readonly Citation[],
): Promise<Map<string, { lines: CitedLine[]; lots: Lot[] }>> {
  const found = new Map<string, { lines: CitedLine[]; lots: Lot[] }>();
  if (citations.length === 0) return found;
  const wanted = table({ userId: "text", transactionId: "uuid" }, citations);
  const rows = await tx.many(
    CitedRow,
    sql`select t.user_id, t.id, t.seq, t.transaction_type, t.amount, t.draws, coalesce((
          select json_agg(json_build_object('amount', r.amount::text, 'draws', r.draws)) from credit_transactions r
          where r.user_id = t.user_id and r.refunds = t.seq), '[]') as refunds
        from credit_transactions t join (select distinct * from ${wanted} as n (user_id, id)) n using (user_id, id)`,
  );
  const numbers = rows.flatMap((row) =>
    row.draws.flatMap(({ lot }) => (lot === "debt" ? [] : [{ user_id: row.user_id, lot }])),
  );
  const lots = await readLots(
    tx,
    sql`(user_id, lot) in (select * from ${table({ user_id: "text", lot: "int" }, numbers)} as n (user_id, lot))`,
  );
  for (const row of rows) {
    const line: CitedLine = {
      id: row.id,
      seq: row.seq,
      type: row.transaction_type,
      amount: row.amount,
      draws: row.draws,
      refunded: sum(row.refunds.map(({ amount }) => amount)),
      givenBack: row.refunds.flatMap(({ draws }) => draws),
    };
    const before = found.get(row.user_id);
    found.set(row.user_id, { lines: [...(before?.lines ?? []), line], lots: lots.get(row.user_id) ?? [] });
  }
  return found;
}

const StoredRow = z.object({
  user_id: z.string(),
  seq: z.string(),
  id: z.string(),
  transaction_type: z.string(),
  amount: z.string(),
  balance_after: z.string(),
  counterparty: z.string(),
  service: z.string().nullable(),
  model: z.string().nullable(),
  provider_cost: z.string().nullable(),
  markup: z.string().nullable(),
  draws: z.string(),
  actor_sub: z.string(),
  actor_role: z.string(),
  reason: z.string().nullable(),
  metadata: z.string(),
  key: z.string().nullable(),
  hold_id: z.string().nullable(),
  refunds: z.string().nullable(),
  trace_id: z.string().nullable(),
  created_at: z.string(),
  posted_at: z.string(),
  hash: z.string(),
});

/** A page of journals as they are stored, in the order of their chains, after a line. */
export function readChains(
  tx: Tx,
  after: { userId: string; seq: string },
  pageMax: number,
  onlyUser?: string,
): Promise<(StoredLine & { hash: string })[]> {
  const only = onlyUser === undefined ? sql`` : sql`and user_id = ${onlyUser}`;
  return tx.many(
    StoredRow,
    sql`select user_id, seq, id, transaction_type, amount, balance_after, counterparty, service, model, provider_cost, markup, draws::text,
          actor_sub, actor_role, reason, metadata::text, key, hold_id, refunds, trace_id, trim_scale(extract(epoch from created_at) * 1000)::text as created_at,
          trim_scale(extract(epoch from posted_at) * 1000)::text as posted_at, hash
        from credit_transactions where (user_id, seq) > (${after.userId}, ${after.seq}::bigint) ${only} order by user_id, seq limit ${pageMax}`,
  );
}
