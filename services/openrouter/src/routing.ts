/** A chat that a service asks on a user's own key. Where it is not answered in time it is settled all the same. */
import type { routeChat } from "@tollbooth/shared/contracts/openrouter";
import { Fault } from "@tollbooth/shared/fault";
import { Reply } from "@tollbooth/shared/handler";
import type { z } from "zod";
import { known } from "./accounts.ts";
import { chatOf } from "./body.ts";
import type { Exchange } from "./exchange.ts";
import type { Exchanges } from "./exchanges.ts";
import { send } from "./metering.ts";
import type { Metering } from "./settling.ts";

type Asked = z.output<(typeof routeChat)["input"]>;

/** The broker lets an answer pass for two minutes. */
const CHAT_MAX_MS = 110_000;
/** For our own work after the answer. */
const RESERVE_MS = 500;

/**
 * Asks a chat. Throws `not_found` where the user has no key, `key_refused` where OpenRouter does not take it,
 * `idempotency_conflict` where this request was sent before, `timeout` where it was not answered in time.
 */
export async function route(
  metering: Metering,
  exchanges: Exchanges,
  { user_id: userId, request_id: requestId, chat }: Asked,
  { askedBy, deadlineMs }: { readonly askedBy: string; readonly deadlineMs: number },
): Promise<Reply> {
  await known(metering.db, userId);
  const untilMs = Math.min(deadlineMs - RESERVE_MS, Date.now() + CHAT_MAX_MS);
  if (untilMs <= Date.now()) throw new Fault("timeout", "there was no time left to ask OpenRouter", { retryAfterS: 1 });
  const exchange = await send(metering, exchanges, {
    userId,
    requestId,
    askedBy,
    key: "byok",
    wanted: chatOf(chat),
  });
  return new Reply(`{"request_id":${JSON.stringify(requestId)},"completion":${await allOf(exchange, untilMs)}}`);
}

async function allOf(exchange: Exchange, untilMs: number): Promise<string> {
  let all = "";
  for (;;) {
    const { text, done } = await exchange.take(Math.max(0, untilMs - Date.now()));
    all += text;
    if (done) return all;
    if (Date.now() < untilMs) continue;
    exchange.leave();
    throw new Fault("timeout", "OpenRouter has not answered in time; what it used is settled when it has", {
      retryAfterS: 1,
    });
  }
}
