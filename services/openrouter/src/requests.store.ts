/** All SQL of what OpenRouter is asked in users' names. A step is taken only from the state that it follows: who was
 * overtaken changes nothing. */
import type { Payer } from "@tollbooth/shared/contracts/exchanges";
import type { UsageReport } from "@tollbooth/shared/contracts/usage";
import type { Tx } from "@tollbooth/shared/db";
import { sql, table } from "@tollbooth/shared/sql";
import { z } from "zod";
import { STATES, type State } from "./states.ts";

export interface RequestKey {
  readonly userId: string;
  readonly requestId: string;
}

/** Nobody else takes a step for a request in this time after its process said that it has it in its hands. */
export interface Holding {
  readonly inHandS: number;
}

export interface NewRequest {
  readonly model: string;
  readonly askedBy: string;
  readonly payer: z.output<typeof Payer>;
  readonly holdId: string | null;
  readonly isFree: boolean;
}

/** Until when a request is left to its process, from now on. */
const inHandUntil = ({ inHandS }: Holding) => sql`clock_timestamp() + make_interval(secs => ${inHandS})`;
/** Usage is told at once by who has the answer; by another only where he has not done it in this time. */
const TOLD_WITHIN = sql`interval '3 seconds'`;
const LOOK_UP_AFTER = sql`interval '2 seconds'`;

/** Claims a request before anything is done for it; false where it was claimed before. */
export async function beginRequest(
  tx: Tx,
  { userId, requestId }: RequestKey,
  { model, askedBy, payer, holdId, isFree, ...holding }: NewRequest & Holding,
): Promise<boolean> {
  const state: State = holdId === null ? "sent" : "reserving";
  const added = await tx.run(
    sql`insert into routed_requests (user_id, request_id, model, asked_by, payer, hold_id, is_free, state, next_at)
        values (${userId}, ${requestId}, ${model}, ${askedBy}, ${payer}, ${holdId}, ${isFree}, ${state}, ${inHandUntil(holding)}) on conflict do nothing`,
  );
  return added === 1;
}

/** Names another hold before credits are asked for it, where they refused the first. */
export async function renameHold(tx: Tx, { userId, requestId }: RequestKey, holdId: string): Promise<void> {
  await tx.run(
    sql`update routed_requests set hold_id = ${holdId} where user_id = ${userId} and request_id = ${requestId} and state = 'reserving'`,
  );
}

/** Notes that a request with a hold is being sent; false where its time was over: then it must not be. */
export async function markSent(tx: Tx, { userId, requestId, ...holding }: RequestKey & Holding): Promise<boolean> {
  const changed = await tx.run(
    sql`update routed_requests set state = 'sent', next_at = ${inHandUntil(holding)}
        where user_id = ${userId} and request_id = ${requestId} and state = 'reserving'`,
  );
  return changed === 1;
}

/** Keeps OpenRouter's name of a request, as soon as it is told. */
export async function nameGeneration(tx: Tx, { userId, requestId }: RequestKey, generationId: string): Promise<void> {
  await tx.run(
    sql`update routed_requests set generation_id = ${generationId} where user_id = ${userId} and request_id = ${requestId} and state = 'sent'`,
  );
}

/** Says that a process still has these requests in its hands. */
export async function keepInHand(tx: Tx, requests: readonly RequestKey[], holding: Holding): Promise<void> {
  const rows = requests.map(({ userId, requestId }) => ({ user_id: userId, request_id: requestId }));
  await tx.run(
    sql`update routed_requests r set next_at = ${inHandUntil(holding)}
        from ${table({ user_id: "text", request_id: "text" }, rows)} as h (user_id, request_id)
        where r.user_id = h.user_id and r.request_id = h.request_id and r.state in ('reserving', 'sent')`,
  );
}

/** Nothing was done for a request: its hold is to be given back. */
export async function refuseRequest(tx: Tx, { userId, requestId }: RequestKey): Promise<void> {
  await tx.run(
    sql`update routed_requests set state = 'refused', next_at = clock_timestamp()
        where user_id = ${userId} and request_id = ${requestId} and state in ('reserving', 'sent')`,
  );
}

/** Gives up the claim of a request of which nothing was done and for which no hold is left. */
export async function releaseRequest(tx: Tx, { userId, requestId }: RequestKey): Promise<void> {
  await tx.run(
    sql`delete from routed_requests where user_id = ${userId} and request_id = ${requestId} and state in ('reserving', 'sent', 'refused')`,
  );
}

/** Lets a request out of hand of which nobody knows what became: OpenRouter is asked for its bill. */
export async function letGo(tx: Tx, { userId, requestId }: RequestKey): Promise<void> {
  await tx.run(
    sql`update routed_requests set next_at = clock_timestamp() + ${LOOK_UP_AFTER} where user_id = ${userId} and request_id = ${requestId} and state = 'sent'`,
  );
}

/** Keeps what an answered request used, for usage to be told. */
export async function endRequest(
  tx: Tx,
  { userId, requestId }: RequestKey,
  report: z.input<typeof UsageReport>,
): Promise<void> {
  await tx.run(
    sql`update routed_requests
        set state = 'answered', answered_at = clock_timestamp(), report = ${JSON.stringify(report)}::jsonb, attempts = 0, last_error = null,
            next_at = clock_timestamp() + ${TOLD_WITHIN}
        where user_id = ${userId} and request_id = ${requestId} and state = 'sent'`,
  );
}

/** Adds to a report that usage does not have yet what OpenRouter billed. */
export async function addCost(tx: Tx, { userId, requestId }: RequestKey, providerCost: string): Promise<void> {
  await tx.run(
    sql`update routed_requests set report = report || jsonb_build_object('provider_cost', ${providerCost}::text)
        where user_id = ${userId} and request_id = ${requestId} and state = 'answered'`,
  );
}

/** Keeps that a request came to nothing, for usage to be told: a row of its own, so that the request may be asked again. */
export async function keepUnserved(
  tx: Tx,
  { userId, model, askedBy, payer }: Pick<RequestKey, "userId"> & Pick<NewRequest, "model" | "askedBy" | "payer">,
  report: z.input<typeof UsageReport> & { readonly event_id: string },
): Promise<void> {
  const state: State = "answered";
  await tx.run(
    sql`insert into routed_requests (user_id, request_id, model, asked_by, payer, is_free, state, answered_at, report, next_at)
        values (${userId}, ${report.event_id}, ${model}, ${askedBy}, ${payer}, false, ${state}, clock_timestamp(), ${JSON.stringify(report)}::jsonb, clock_timestamp())`,
  );
}

/** OpenRouter tells no bill of it: there is none to pay. False where somebody took a step before. */
export async function loseRequest(tx: Tx, { userId, requestId }: RequestKey): Promise<boolean> {
  const changed = await tx.run(
    sql`update routed_requests set state = 'lost' where user_id = ${userId} and request_id = ${requestId} and state = 'sent'`,
  );
  return changed === 1;
}

const Due = z
  .object({
    user_id: z.string(),
    request_id: z.string(),
    model: z.string(),
    asked_by: z.string(),
    state: z.enum(Object.keys(STATES) as [State, ...State[]]),
    payer: z.enum(["byok", "managed"]),
    hold_id: z.string().nullable(),
    is_free: z.boolean(),
    generation_id: z.string().nullable(),
    started_at: z.number(),
    attempts: z.number(),
    report: z.custom<z.input<typeof UsageReport>>(),
  })
  .transform((row) => ({
    userId: row.user_id,
    requestId: row.request_id,
    model: row.model,
    askedBy: row.asked_by,
    state: row.state,
    payer: row.payer,
    holdId: row.hold_id,
    isFree: row.is_free,
    generationId: row.generation_id,
    startedAtMs: row.started_at,
    attempts: row.attempts,
    report: row.report,
  }));
export type DueRequest = z.output<typeof Due>;

/** Requests whose next step is due, those that wait longest first. */
export function readDue(tx: Tx, limit: number): Promise<DueRequest[]> {
  return tx.many(
    Due,
    sql`select user_id, request_id, model, asked_by, state, payer, hold_id, is_free, generation_id, started_at, attempts, report from routed_requests
        where state not in ('recorded', 'lost') and next_at <= clock_timestamp() order by next_at limit ${limit}`,
  );
}

/** Notes that usage has a report. */
export async function markRecorded(tx: Tx, { userId, requestId }: RequestKey): Promise<void> {
  await tx.run(
    sql`update routed_requests set state = 'recorded', recorded_at = clock_timestamp(), last_error = null
        where user_id = ${userId} and request_id = ${requestId} and state = 'answered'`,
  );
}

/** Notes why a step was in vain, and takes it again later: after 5 s, then twice as long each time, an hour at most. */
export async function postpone(tx: Tx, { userId, requestId }: RequestKey, error: string): Promise<void> {
  await tx.run(
    sql`update routed_requests
        set attempts = attempts + 1, last_error = ${error},
            next_at = clock_timestamp() + least(interval '1 hour', interval '5 seconds' * 2 ^ least(attempts, 20))
        where user_id = ${userId} and request_id = ${requestId}`,
  );
}

/** Forgets requests after 100 days, a bounded number at a time, save those that are not at their end; answers how many. */
export function forgetRequests(tx: Tx): Promise<number> {
  return tx.run(
    sql`delete from routed_requests where ctid = any(array(
          select ctid from routed_requests where started_at < now() - interval '100 days' and state in ('recorded', 'lost') limit 5000))`,
  );
}
