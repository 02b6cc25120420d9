/**
 * A request from its claim to its settlement: it is claimed, what it may cost is set aside, it is sent once, and what it
 * used is kept before its answer is given. Where a process dies between two steps, sweeping.ts takes the next.
 */
import type { Payer as PayerName } from "@tollbooth/shared/contracts/exchanges";
import { crashPoint } from "@tollbooth/shared/crash";
import { Fault } from "@tollbooth/shared/fault";
import { metered } from "@tollbooth/shared/metrics";
import { newId } from "@tollbooth/shared/id";
import type { z } from "zod";
import type { Wanted } from "./body.ts";
import { converse } from "./conversation.ts";
import { Exchange } from "./exchange.ts";
import type { Exchanges } from "./exchanges.ts";
import { choosePayer, fallsBack, type Payer } from "./payer.ts";
import { refused } from "./refusing.ts";
import { beginRequest, markSent, releaseRequest, renameHold, type RequestKey } from "./requests.store.ts";
import { ownTerms, reserve, termsOf, type Reserved, type Terms } from "./reserve.ts";
import { readSettings } from "./settings.store.ts";
import { failed, giveUp, isNothingDone, type Agreed, type Metering } from "./settling.ts";

export interface Asked extends RequestKey {
  readonly wanted: Wanted;
  readonly askedBy: string;
  /** Who has to pay; undefined: whoever is there. */
  readonly key: z.output<typeof PayerName> | undefined;
}

/**
 * Sends a request; answers the exchange in which its answer comes. Throws `key_refused`, `unpriced_model` and
 * `insufficient_credits` before anything is sent, and `idempotency_conflict` where this request was sent before.
 */
export async function send(metering: Metering, exchanges: Exchanges, asked: Asked): Promise<Exchange> {
  const agreed = await agree(metering, asked, asked.key);
  const exchange = new Exchange();
  exchanges.follow(agreed, run(metering, asked, agreed, { exchange, closing: exchanges.closing }));
  return exchange;
}

async function agree(metering: Metering, asked: Asked, key: Asked["key"]): Promise<Agreed> {
  const { userId, requestId, wanted } = asked;
  const startedMs = performance.now();
  let payer: Payer | undefined;
  try {
    payer = await choosePayer(metering, userId, key);
    const terms = payer.name === "byok" ? ownTerms(metering, wanted) : await termsOf(metering, wanted);
    return { userId, requestId, payer, terms, ...(await claimed(metering, asked, payer, terms)), startedMs };
  } catch (error) {
    // Who is refused before it is known who pays had a key of his own, or wanted to have one.
    throw await refused(metering, { ...asked, payer: payer?.name ?? key ?? "byok", startedMs }, error);
  }
}

/** Claims a request and sets aside what it may cost. From then on it counts as sent. */
async function claimed(
  metering: Metering,
  { userId, requestId, wanted, askedBy }: Asked,
  payer: Payer,
  terms: Terms,
): Promise<{ readonly holdId: string | null; readonly reserved: Reserved | undefined }> {
  const { db, inHandS } = metering;
  const request = { userId, requestId };
  const { bound, isFree } = terms;
  let holdId = bound === undefined ? null : newHoldId();
  const model = wanted.models[0] ?? "";
  if (!(await beginRequest(db, request, { model, askedBy, payer: payer.name, holdId, isFree, inHandS })))
    throw new Fault("idempotency_conflict", "this request was sent before, and OpenRouter's answer is not kept", {
      fix: "use another request_id or Idempotency-Key for another request",
    });
  crashPoint("metering.after-claim");
  if (bound === undefined || holdId === null) return { holdId: null, reserved: undefined };
  const mayClamp = async () => terms.isPreset || (await readSettings(db, userId)).autoClamp;
  const second = async () => {
    holdId = newHoldId();
    await renameHold(db, request, holdId);
    return holdId;
  };
  try {
    const reserved = await reserve(metering, userId, { ...terms, bound, mayClamp }, { first: holdId, second });
    crashPoint("metering.after-hold");
    if (!(await markSent(db, { ...request, inHandS })))
      throw new Fault("timeout", "there was no time left to send it", { retryAfterS: 1 });
    return { holdId, reserved };
  } catch (error) {
    // For want of credits there is no hold; of all else it is not known.
    const isWant = Fault.from(error).code === "insufficient_credits";
    await (isWant ? releaseRequest(db, request) : giveUp(metering, { ...request, holdId })).catch(() => {});
    throw error;
  }
}

function newHoldId(): string {
  return `openrouter:${newId()}`;
}

interface Running {
  readonly exchange: Exchange;
  readonly closing: AbortSignal;
}

/** Whatever happens ends up in the exchange: nobody waits for this. */
async function run(metering: Metering, asked: Asked, first: Agreed, running: Running): Promise<void> {
  const { exchange } = running;
  try {
    const fault = await tried(metering, asked, first, running);
    const isPassedOn =
      fault !== undefined && isOfOwnKey(first, fault) && (await fallsBack(metering, asked.userId, asked.key));
    if (!isPassedOn) return exchange.end(await ended(metering, asked, first, fault));
    // Nothing was done, and the claim is given up: it is claimed anew, and credits pay.
    const second = await agree(metering, asked, "managed");
    exchange.end(await ended(metering, asked, second, await tried(metering, asked, second, running)));
  } catch (error) {
    exchange.end(Fault.from(error));
  }
}

/** How the exchange ends: of what came to nothing usage is told. What became of the rest is known already, or looked up. */
async function ended(
  metering: Metering,
  asked: Asked,
  { payer, startedMs }: Agreed,
  fault: Fault | undefined,
): Promise<Fault | "done"> {
  if (fault === undefined) return "done";
  return isNothingDone(fault) ? refused(metering, { ...asked, payer: payer.name, startedMs }, fault) : fault;
}

/** Sends a request; answers why it failed, where it did. */
async function tried(
  metering: Metering,
  { wanted }: Asked,
  agreed: Agreed,
  running: Running,
): Promise<Fault | undefined> {
  const { payer } = agreed;
  const key = payer.name === "byok" ? payer.account.connectionId : payer.name;
  try {
    const outcome = await metering.guards.inRoom(key, () => converse(metering, agreed, { ...running, wanted, key }));
    metered.inc({ payer: payer.name, outcome });
    return undefined;
  } catch (error) {
    const fault = await failed(metering, agreed, error);
    metered.inc({ payer: payer.name, outcome: fault.code });
    return fault;
  }
}

/** OpenRouter does not serve the user's own key: it was revoked, or has nothing left. */
function isOfOwnKey({ payer }: Agreed, { code }: Fault): boolean {
  return payer.name === "byok" && (code === "key_refused" || code === "insufficient_credits");
}
