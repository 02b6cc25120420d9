/** How a request ends: what it used is kept and told, nothing was done and its hold is given back, or nobody knows. */
import { setTimeout as delay } from "node:timers/promises";
import { checkBalance } from "@tollbooth/shared/contracts/credits";
import { crashPoint } from "@tollbooth/shared/crash";
import { isTransient } from "@tollbooth/shared/db";
import { Fault, type FaultCode } from "@tollbooth/shared/fault";
import { print, ZERO, type Money } from "@tollbooth/shared/money";
import { saveSync } from "./accounts.store.ts";
import { costOf, reportOf, type Ending } from "./bill.ts";
import type { Guards } from "./guard.ts";
import type { Payer } from "./payer.ts";
import { CALLER, tellUsage } from "./reporting.ts";
import { endRequest, letGo, nameGeneration, refuseRequest, type Holding, type RequestKey } from "./requests.store.ts";
import type { Pricing, Reserved, Terms } from "./reserve.ts";
import { giveBack, warnOfFree, type Sweeping } from "./sweeping.ts";
import type { Told } from "./told.ts";

/** What requests are metered with. */
export interface Metering extends Sweeping, Pricing, Holding {
  readonly guards: Guards;
}

/** A request that is sent, and what was agreed on before. */
export interface Agreed extends RequestKey {
  readonly payer: Payer;
  readonly terms: Terms;
  readonly holdId: string | null;
  readonly reserved: Reserved | undefined;
  readonly startedMs: number;
}

/** What the user is told of the bill; undefined where usage or credits did not say it at once. */
export interface Settled {
  readonly cost: string | undefined;
  readonly balance: string | undefined;
}

/** Usage is told at once where it answers in this time, else soon. */
const TELL_WITHIN_MS = 2_000;
/** A database that dies is back in seconds; each attempt has time-outs of its own. */
const KEEP_ATTEMPTS_MAX = 40;
const KEEP_PAUSE_MS = 500;

const NOT_SETTLED = "a request could not be settled yet";

/** After these nothing was done, or billed: the same request may be asked again. */
const NOTHING_DONE: ReadonlySet<FaultCode> = new Set<FaultCode>([
  "key_refused",
  "insufficient_credits",
  "forbidden",
  "rate_limited",
  "invalid_request",
  "unavailable",
]);

/** Keeps what a request used and tells usage; where the answer does not say it, OpenRouter is asked for the bill later. */
export async function settle(
  metering: Metering,
  agreed: Agreed,
  told: Told & { readonly ending: Ending; readonly firstTokenMs?: number | undefined },
): Promise<Settled> {
  const { db } = metering;
  const { model, usage, generationId = null, ending, firstTokenMs } = told;
  if (usage === undefined || model === undefined) {
    // Where that cannot be written it is let go of all the same, when our time for it is over.
    await letGo(db, agreed).catch((cause: unknown) => metering.log.warn({ err: cause }, NOT_SETTLED));
    return { cost: undefined, balance: undefined };
  }
  const { userId, requestId, payer, holdId, terms, startedMs } = agreed;
  const { isFree } = terms;
  warnOfFree(metering.log, { userId, requestId, isFree }, costOf(usage)?.isZero() === false);
  const latencyMs = Math.round(performance.now() - startedMs);
  const served = { userId, requestId, payer: payer.name, holdId, isFree, model, generationId, ending };
  const report = reportOf({ ...served, atMs: Date.now(), latencyMs, firstTokenMs }, usage);
  crashPoint("settling.after-answer");
  await kept(() => endRequest(db, agreed, report));
  crashPoint("settling.after-keep");
  const event = await tellUsage(metering, { userId, requestId, report }, Date.now() + TELL_WITHIN_MS).catch(
    () => undefined,
  );
  if (event === undefined) return { cost: undefined, balance: undefined };
  return { cost: print(event.charged), balance: await balanceAfter(metering, agreed, event.charged) };
}

/** What the user may spend now. Credits post the charge in a moment: where there was a hold it is known already. */
async function balanceAfter(
  { bus }: Metering,
  { userId, reserved }: Agreed,
  charged: Money,
): Promise<string | undefined> {
  if (reserved !== undefined) return print(reserved.available.plus(reserved.amount).minus(charged));
  const asked = { caller: CALLER, deadlineMs: Date.now() + TELL_WITHIN_MS };
  return bus.ask(checkBalance, { user_id: userId, amount: print(ZERO) }, asked).then(
    ({ available }) => print(available),
    () => undefined,
  );
}

/** Keeps OpenRouter's name of a request, by which its bill can be found whatever happens. */
export function named({ db }: Metering, agreed: Agreed, generationId: string): Promise<void> {
  return kept(() => nameGeneration(db, agreed, generationId));
}

/** What failed before there was an answer: settles what that means, and answers what the user is told. */
export async function failed(metering: Metering, agreed: Agreed, error: unknown): Promise<Fault> {
  const { db, log } = metering;
  const { payer, userId, requestId } = agreed;
  const fault = Fault.from(error);
  if (fault.code === "internal") log.error({ err: error }, "a request failed by a mistake of ours");
  if (fault.code === "timeout")
    log.warn({ err: fault.more.cause ?? fault, userId, requestId }, "nobody knows what became of a request");
  try {
    if (fault.code === "key_refused" && payer.name === "byok")
      await saveSync(db, payer.account, { isActive: false, remaining: null });
    await (isNothingDone(fault) ? giveUp(metering, agreed) : letGo(db, agreed));
  } catch (cause) {
    log.warn({ err: cause }, NOT_SETTLED);
  }
  return payer.name === "byok" ? fault : ofPlatform(metering, fault);
}

/** Whether what failed was not done, and costs nothing. */
export function isNothingDone({ code }: Fault): boolean {
  return NOTHING_DONE.has(code);
}

/** Nothing was done for a request: its hold and its claim are given up, soon if not at once. */
export async function giveUp(metering: Metering, request: RequestKey & { holdId: string | null }): Promise<void> {
  await refuseRequest(metering.db, request);
  await giveBack(metering, request);
}

/** What OpenRouter holds against the platform's own key is nothing that its user could mend. */
function ofPlatform({ log }: Metering, fault: Fault): Fault {
  if (fault.code !== "key_refused" && fault.code !== "insufficient_credits") return fault;
  log.error({ code: fault.code, detail: fault.message }, "OpenRouter does not serve the platform's own key");
  return new Fault("unavailable", "the platform's OpenRouter account cannot pay for this at the moment", {
    retryAfterS: 60,
    cause: fault,
  });
}

/** What was billed is known here and nowhere else: a database that is away for a moment must not lose it. */
async function kept(keep: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await keep();
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (attempt === KEEP_ATTEMPTS_MAX)
        throw new Fault("timeout", "OpenRouter has answered, and the database could not keep it", { cause: error });
      await delay(KEEP_PAUSE_MS);
    }
  }
}
