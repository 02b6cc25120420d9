/** All SQL of chats on users' own keys. */
import type { UsageReport } from "@tollbooth/shared/contracts/usage";
import type { Tx } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { z } from "zod";

export interface RequestKey {
  readonly userId: string;
  readonly requestId: string;
}

/** Claims a request before it is sent; false where it was claimed before. */
export async function beginRequest(
  tx: Tx,
  { userId, requestId }: RequestKey,
  { model, askedBy }: { readonly model: string; readonly askedBy: string },
): Promise<boolean> {
  const added = await tx.run(
    sql`insert into routed_requests (user_id, request_id, model, asked_by) values (${userId}, ${requestId}, ${model}, ${askedBy}) on conflict do nothing`,
  );
  return added === 1;
}

/** Gives up the claim of a request of which nothing was done. */
export async function releaseRequest(tx: Tx, { userId, requestId }: RequestKey): Promise<void> {
  await tx.run(
    sql`delete from routed_requests where user_id = ${userId} and request_id = ${requestId} and answered_at is null`,
  );
}

/** Keeps what an answered request used, for usage to be told; without a report there is nothing to tell. */
export async function endRequest(
  tx: Tx,
  { userId, requestId }: RequestKey,
  report: z.input<typeof UsageReport> | undefined,
): Promise<void> {
  await tx.run(
    sql`update routed_requests set answered_at = clock_timestamp(), report = ${report === undefined ? null : JSON.stringify(report)}::jsonb
        where user_id = ${userId} and request_id = ${requestId}`,
  );
}

const Due = z
  .object({ user_id: z.string(), request_id: z.string(), report: z.custom<z.input<typeof UsageReport>>() })
  .transform((row) => ({ userId: row.user_id, requestId: row.request_id, report: row.report }));
export type DueReport = z.output<typeof Due>;

/** Reports that are due to be told, those that wait longest first. */
export function readDue(tx: Tx, limit: number): Promise<DueReport[]> {
  return tx.many(
    Due,
    sql`select user_id, request_id, report from routed_requests
        where report is not null and recorded_at is null and next_at <= clock_timestamp() order by next_at limit ${limit}`,
  );
}

/** Notes that usage has a report. */
export async function markRecorded(tx: Tx, { userId, requestId }: RequestKey): Promise<void> {
  await tx.run(
    sql`update routed_requests set recorded_at = clock_timestamp(), last_error = null where user_id = ${userId} and request_id = ${requestId}`,
  );
}

/** Notes why usage refused a report, and tells it again later: after 5 s, then twice as long each time, an hour at most. */
export async function postpone(tx: Tx, { userId, requestId }: RequestKey, error: string): Promise<void> {
  await tx.run(
    sql`update routed_requests
        set attempts = attempts + 1, last_error = ${error},
            next_at = clock_timestamp() + least(interval '1 hour', interval '5 seconds' * 2 ^ least(attempts, 20))
        where user_id = ${userId} and request_id = ${requestId}`,
  );
}

/** Forgets requests after 100 days, a bounded number at a time, save those that usage has not got; answers how many. */
export function forgetRequests(tx: Tx): Promise<number> {
  return tx.run(
    sql`delete from routed_requests where ctid = any(array(
          select ctid from routed_requests where started_at < now() - interval '100 days' and (report is null or recorded_at is not null) limit 5000))`,
  );
}
