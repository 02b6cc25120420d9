/** All SQL of listed prices that are not believed. */
import type { Tx } from "@tollbooth/shared/db";
import { sql, table } from "@tollbooth/shared/sql";
import { z } from "zod";

/** A listed price that waits. */
export interface Doubtful {
  /** In lower case. */
  readonly model: string;
  readonly reason: string;
  /** As it is listed. */
  readonly sheet: unknown;
}

const Waiting = z.object({
  service: z.string(),
  model: z.string(),
  source: z.string(),
  reason: z.string(),
  sheet: z.unknown(),
  seen_at: z.number(),
});
export type Waiting = z.output<typeof Waiting>;

const SHOWN_MAX = 500;

/** Keeps what is doubtful of a list, and forgets what was doubtful of models that it now prices believably. */
export async function quarantine(
  tx: Tx,
  { service, source }: { readonly service: string; readonly source: string },
  doubtful: readonly Doubtful[],
  believed: readonly string[],
): Promise<void> {
  if (believed.length > 0)
    await tx.run(sql`delete from price_quarantine where service = ${service} and model = any(${believed}::text[])`);
  if (doubtful.length === 0) return;
  const rows = doubtful.map(({ model, reason, sheet }) => ({ model, reason, sheet: JSON.stringify(sheet) }));
  await tx.run(
    sql`insert into price_quarantine as q (service, model, source, reason, sheet)
        select ${service}, model, ${source}, reason, sheet from ${table({ model: "text", reason: "text", sheet: "jsonb" }, rows)} as t (model, reason, sheet)
        on conflict (service, model) do update set source = excluded.source, reason = excluded.reason, sheet = excluded.sheet
          where (q.source, q.reason, q.sheet) is distinct from (excluded.source, excluded.reason, excluded.sheet)`,
  );
}

/** What waits, the oldest first. */
export function readQuarantine(tx: Tx): Promise<Waiting[]> {
  return tx.many(
    Waiting,
    sql`select service, model, source, reason, sheet, seen_at from price_quarantine order by seen_at, service, model limit ${SHOWN_MAX}`,
  );
}

/** The price of a model that waits. */
export function findWaiting(tx: Tx, service: string, model: string): Promise<Waiting | undefined> {
  return tx.maybe(
    Waiting,
    sql`select service, model, source, reason, sheet, seen_at from price_quarantine where service = ${service} and model = ${model}`,
  );
}
