/**
 * Takes the next step of requests that nobody has in his hands: those whose process died, whose outcome is not known, or
 * that usage or credits could not be told of yet. Each step may be taken twice, by two processes at once, with one effect.
 */
import { releaseHold } from "@tollbooth/shared/contracts/holds";
import { isTransient } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { newId } from "@tollbooth/shared/id";
import { freeBilled, requestsLost } from "@tollbooth/shared/metrics";
import { print } from "@tollbooth/shared/money";
import { costOf, reportOf, unservedReport } from "./bill.ts";
import type { OpenRouter } from "./client.ts";
import { keyOf, type Keys } from "./payer.ts";
import { CALLER, tellUsage, type Reporting } from "./reporting.ts";
import {
  addCost,
  endRequest,
  keepUnserved,
  loseRequest,
  postpone,
  readDue,
  releaseRequest,
  type DueRequest,
  type RequestKey,
} from "./requests.store.ts";
import { dueStep } from "./states.ts";
import type { Told } from "./told.ts";

export interface Sweeping extends Reporting, Keys {
  readonly db: Reporting["db"];
  readonly openRouter: OpenRouter;
}

const BATCH_MAX = 20;

/** Takes all steps that are due. Throws where usage or credits are away: then they are still due. */
export async function sweep(sweeping: Sweeping): Promise<void> {
  for (;;) {
    const due = await readDue(sweeping.db, BATCH_MAX);
    if (due.length === 0) return;
    await Promise.all(due.map((request) => step(sweeping, request)));
  }
}

async function step(sweeping: Sweeping, request: DueRequest): Promise<void> {
  switch (dueStep(request)) {
    case "give back":
      return giveBack(sweeping, request);
    case "look up":
      return lookUp(sweeping, request);
    case "tell":
      await tellUsage(sweeping, await priced(sweeping, request));
      return;
    case "lose":
      return lose(sweeping, request);
    case undefined:
  }
}

/** Releases a request's hold, then its claim. A hold that credits never heard of is kept from coming to be. */
export async function giveBack(
  { db, bus, log }: Reporting,
  { holdId, userId, requestId }: RequestKey & Pick<DueRequest, "holdId">,
): Promise<void> {
  const key = { userId, requestId };
  try {
    if (holdId !== null) await bus.ask(releaseHold, { user_id: userId, hold_id: holdId }, { caller: CALLER });
  } catch (error) {
    const { code, message } = Fault.from(error);
    // One that has ended in another way needs no release.
    if (code !== "hold_ended") {
      if (isTransient(error)) throw error;
      log.error({ ...key, code, detail: message }, "credits refused to release a hold");
      return postpone(db, key, `${code}: ${message}`);
    }
  }
  await releaseRequest(db, key);
}

async function lookUp(sweeping: Sweeping, request: DueRequest): Promise<void> {
  const { db, openRouter, log } = sweeping;
  const { userId, requestId, generationId } = request;
  const apiKey = await keyOf(sweeping, userId, request.payer);
  if (apiKey === undefined || generationId === null) return lose(sweeping, request);
  try {
    const bill = await openRouter.bill(apiKey, generationId);
    if (bill?.usage === undefined) return await postpone(db, request, "OpenRouter tells no bill of it yet");
    await settleLookedUp(sweeping, request, bill);
    log.info({ userId, requestId, generationId }, "a bill was looked up");
  } catch (error) {
    const { code, message } = Fault.from(error);
    if (code === "internal") throw error;
    await postpone(db, request, `${code}: ${message}`);
  }
}

/**
 * A report that usage has refused though nothing is wrong with it: neither the answer nor a price list tells its cost, as
 * where a router chose the model. OpenRouter's bill does; without one it waits for an operator to set a price.
 */
async function priced(sweeping: Sweeping, request: DueRequest): Promise<DueRequest> {
  const { userId, generationId, report, attempts } = request;
  if (attempts === 0 || report.provider_cost !== undefined || generationId === null) return request;
  const apiKey = await keyOf(sweeping, userId, request.payer);
  const bill = apiKey && (await sweeping.openRouter.bill(apiKey, generationId).catch(nothingTold));
  const cost = bill?.usage && costOf(bill.usage);
  if (cost === undefined) return request;
  const provider_cost = print(cost);
  // Kept before it is told: whoever tells it next must tell the same.
  await addCost(sweeping.db, request, provider_cost);
  return { ...request, report: { ...report, provider_cost } };
}

function nothingTold(error: unknown): undefined {
  if (Fault.from(error).code === "internal") throw error;
}

async function settleLookedUp({ db, log }: Sweeping, request: DueRequest, { model, usage }: Told): Promise<void> {
  if (usage === undefined || model === undefined) return;
  warnOfFree(log, request, costOf(usage)?.isZero() === false);
  const { startedAtMs: atMs } = request;
  await endRequest(db, request, reportOf({ ...request, model, ending: "looked up", atMs }, usage));
}

/** What was shown as free and came with a bill is the platform's loss: somebody has to look. */
export function warnOfFree(log: Reporting["log"], request: RequestKey & { isFree: boolean }, wasBilled: boolean): void {
  if (!request.isFree || !wasBilled) return;
  freeBilled.inc();
  const { userId, requestId } = request;
  log.error({ userId, requestId }, "OpenRouter billed what was shown as free; the user is not charged");
}

async function lose({ db, log }: Sweeping, request: DueRequest): Promise<void> {
  const { userId, requestId, generationId, startedAtMs: atMs } = request;
  const report = unservedReport({ ...request, eventId: `lost:${newId()}`, status: "lost", atMs });
  const isLost = await db.tx(async (tx) => {
    const lost = await loseRequest(tx, request);
    if (lost) await keepUnserved(tx, request, report);
    return lost;
  });
  if (!isLost) return;
  requestsLost.inc();
  log.error({ userId, requestId, generationId }, "OpenRouter tells no bill of a request; nobody is charged for it");
}
