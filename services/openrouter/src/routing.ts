/** A chat on a user's own key: claimed, sent once, and what it used is kept for usage before the answer is given. */
import { setTimeout as delay } from "node:timers/promises";
import type { routeChat } from "@tollbooth/shared/contracts/openrouter";
import { crashPoint } from "@tollbooth/shared/crash";
import { isTransient } from "@tollbooth/shared/db";
import { Fault, type FaultCode } from "@tollbooth/shared/fault";
import { Reply } from "@tollbooth/shared/handler";
import type { z } from "zod";
import { known, type Connecting } from "./accounts.ts";
import { saveSync, type Account } from "./accounts.store.ts";
import { reportOf } from "./bill.ts";
import type { Completion } from "./client.ts";
import { beginRequest, endRequest, releaseRequest } from "./requests.store.ts";
import { keyRefused } from "./refusal.ts";

export interface Routing extends Connecting {
  /** Hears that there is something to tell usage. */
  readonly onAnswered: () => void;
}

type Asked = z.output<(typeof routeChat)["input"]>;

/** OpenRouter reserves for as many tokens as may come: without a number that is all that the model has. */
const MAX_TOKENS = 4096;
/** The broker lets an answer pass for two minutes. */
const CHAT_MAX_MS = 110_000;
/** A database that dies is back in seconds; each attempt has time-outs of its own. */
const KEEP_ATTEMPTS_MAX = 40;
const KEEP_PAUSE_MS = 500;
/** For our own work after the answer. */
const RESERVE_MS = 500;

/** After these nothing was done, or billed: the same request may be asked again. */
const NOTHING_DONE: ReadonlySet<FaultCode> = new Set<FaultCode>([
  "key_refused",
  "insufficient_credits",
  "forbidden",
  "rate_limited",
  "invalid_request",
  "unavailable",
]);

/**
 * Asks a chat. Throws `not_found` where the user has no key, `key_refused` where OpenRouter does not take it,
 * `idempotency_conflict` where this request was sent before, `timeout` where nobody knows what became of it.
 */
export async function route(
  routing: Routing,
  { user_id: userId, request_id: requestId, chat }: Asked,
  { askedBy, deadlineMs }: { readonly askedBy: string; readonly deadlineMs: number },
): Promise<Reply> {
  const { db, vault, openRouter } = routing;
  const key = { userId, requestId };
  const account = await known(db, userId);
  if (!account.isActive) throw keyRefused();
  const apiKey = vault.open(userId, account.sealed);
  const timeoutMs = Math.min(deadlineMs - Date.now() - RESERVE_MS, CHAT_MAX_MS);
  if (timeoutMs <= 0) throw new Fault("timeout", "there was no time left to ask OpenRouter", { retryAfterS: 1 });
  if (!(await beginRequest(db, key, { model: chat.model, askedBy })))
    throw new Fault("idempotency_conflict", "this request_id was sent before, and OpenRouter's answer is not kept", {
      fix: "use a new request_id for a new request",
    });
  const bound = "max_completion_tokens" in chat ? {} : { max_tokens: MAX_TOKENS };
  const body = JSON.stringify({ ...bound, ...chat });
  const completion = await openRouter
    .chat(apiKey, body, timeoutMs)
    .catch((error: unknown) => failed(routing, key, account, error));
  crashPoint("routing.after-answer");
  await kept(() => endRequest(db, key, report(account, requestId, completion)));
  routing.onAnswered();
  return new Reply(`{"request_id":${JSON.stringify(requestId)},"completion":${completion.text}}`);
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

function report({ userId }: Account, requestId: string, { model, generationId, usage }: Completion) {
  return usage && reportOf({ userId, requestId, model, generationId, atMs: Date.now() }, usage);
}

async function failed(
  { db }: Routing,
  key: { readonly userId: string; readonly requestId: string },
  account: Account,
  error: unknown,
): Promise<never> {
  const { code } = Fault.from(error);
  if (code === "key_refused") await saveSync(db, account, { isActive: false, remaining: null });
  if (NOTHING_DONE.has(code)) await releaseRequest(db, key);
  throw error;
}
