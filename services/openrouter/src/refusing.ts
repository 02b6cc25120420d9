/**
 * A request begins when it has a name and its body is understood: from then on it is an event of usage, however it ends.
 * What came to nothing costs nothing, and is told by the sweeper.
 */
import { isTransient, type Tx } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { newId } from "@tollbooth/shared/id";
import type { Log } from "@tollbooth/shared/log";
import { unservedReport } from "./bill.ts";
import type { Wanted } from "./body.ts";
import type { Payer } from "./payer.ts";
import { keepUnserved, type RequestKey } from "./requests.store.ts";

/** A request that is refused, and since when it is under way. */
export interface Refusing extends RequestKey {
  readonly askedBy: string;
  readonly wanted: Wanted;
  readonly payer: Payer["name"];
  readonly startedMs: number;
}

/**
 * Keeps that a request was refused; answers the refusal. A repeat is none: the request that it repeats has its own event.
 * Throws what is no refusal but a failure of ours.
 */
export async function refused(
  { db, log }: { readonly db: Tx; readonly log: Log },
  { userId, requestId, askedBy, wanted, payer, startedMs }: Refusing,
  error: unknown,
): Promise<Fault> {
  if (!(error instanceof Fault)) throw error;
  const { code } = error;
  if (code === "idempotency_conflict") return error;
  const model = wanted.models[0] ?? "";
  const latencyMs = Math.round(performance.now() - startedMs);
  const what = { userId, requestId, eventId: `refused:${newId()}`, payer, model, status: "refused", code } as const;
  try {
    await keepUnserved(db, { userId, model, askedBy, payer }, unservedReport({ ...what, atMs: Date.now(), latencyMs }));
  } catch (cause) {
    if (!isTransient(cause)) throw cause;
    log.warn({ err: cause, userId, requestId, code }, "a refusal could not be kept for usage");
  }
  return error;
}
