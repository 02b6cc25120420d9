/**
 * The OpenAI-compatible proxy: a client's request is carried to the openrouter service, and its answer back, part by part.
 * Nobody asks for the next part before the client has taken the last; a client that hangs up is told to the service.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Bus } from "@tollbooth/shared/bus";
import { answeredBy, type Ask, type Caller } from "@tollbooth/shared/contract";
import { openExchange, Payer, TAKE_WAIT_MS, takeExchange } from "@tollbooth/shared/contracts/exchanges";
import { Fault } from "@tollbooth/shared/fault";
import { mayAsk } from "@tollbooth/shared/handler";
import type { Log } from "@tollbooth/shared/log";
import type { Answer } from "./answer.ts";
import { idempotencyKey } from "./idempotency.ts";
import { refuse } from "./openai-errors.ts";
import { nameRequest, tellNothing } from "./proxy-bill.ts";
import { readChatBody } from "./proxy-body.ts";
import type { Rest } from "./rest.ts";

export interface Proxy extends Pick<Rest, "admit" | "requestTimeoutMs"> {
  readonly bus: Pick<Bus, "ask" | "forward">;
  readonly log: Log;
}

const DOOR = openExchange.access;

/** Carries a request for what costs. Never throws: whatever fails is answered, or ends the connection. */
export async function carry(
  proxy: Proxy,
  kind: "chat" | "embeddings",
  req: IncomingMessage,
  res: Answer,
): Promise<void> {
  let caller: Caller | undefined;
  try {
    caller = await proxy.admit(req, res);
    mayAsk(DOOR, caller);
    const asked = { requestId: res.locals.requestId, ...(caller && { caller }) };
    const request_id = nameRequest(res, idempotencyKey(req.headersDistinct["idempotency-key"]));
    const payer = payerOf(req.headers["x-tollbooth-key"]);
    const body = await readChatBody(req);
    const opened = await proxy.bus.ask(
      openExchange,
      { request_id, kind, body, ...(payer && { key: payer }) },
      { ...asked, deadlineMs: Date.now() + proxy.requestTimeoutMs },
    );
    await bring(proxy, opened, asked, res);
  } catch (error) {
    await answerFault(proxy, res, error, caller);
  }
}

/** Answers what was thrown. */
export async function answerFault(
  { bus, log }: Pick<Proxy, "bus" | "log">,
  res: Answer,
  thrown: unknown,
  caller: Caller | undefined,
): Promise<void> {
  const fault = Fault.from(thrown);
  if (fault.code === "internal") log.error({ err: fault.more.cause ?? fault }, fault.message);
  if (!res.headersSent) {
    await tellNothing(bus, res, caller, fault.code);
    return refuse(res, fault);
  }
  // What has begun cannot be refused any more: that it is not whole is told by a connection that breaks.
  res.locals.code = fault.code;
  res.destroy();
}

/** Brings an answer to the client, part by part. Throws what ended it. */
async function bring(
  { bus, requestTimeoutMs }: Proxy,
  { exchange_id, process }: { readonly exchange_id: string; readonly process: string },
  asked: Partial<Ask>,
  res: ServerResponse,
): Promise<void> {
  const take = (left: boolean) =>
    bus
      .ask(
        answeredBy(takeExchange, process),
        { exchange_id, left },
        { ...asked, deadlineMs: Date.now() + TAKE_WAIT_MS + requestTimeoutMs },
      )
      .catch(unheard);
  let isGone = res.destroyed;
  const leave = () => {
    isGone = true;
    // Where this is not heard either, a minute without a take says the same.
    take(true).catch(() => {});
  };
  if (isGone) return leave();
  res.once("close", leave);
  try {
    for (let isDone = false; !isDone;) {
      const { head, text, done } = await take(false);
      if (isGone) return;
      if (head !== undefined) res.writeHead(200, headersOf(head));
      if (text !== "" && !res.write(text)) await drained(res);
      if (isGone) return;
      isDone = done;
    }
  } finally {
    res.off("close", leave);
  }
  res.end();
}

/** What the service says is a refusal. Where its process says nothing any more, it may have been done: nobody may repeat it by himself. */
function unheard(error: unknown): never {
  const fault = Fault.from(error);
  const { cause } = fault.more;
  if (fault.code !== "unavailable" || cause === undefined) throw fault;
  throw new Fault("timeout", "the answer was lost on its way; what came of it is settled", { retryAfterS: 1, cause });
}

function headersOf(head: { readonly is_stream: boolean; readonly headers: Readonly<Record<string, string>> }) {
  return {
    ...head.headers,
    "Content-Type": head.is_stream ? "text/event-stream; charset=utf-8" : "application/json; charset=utf-8",
    "Cache-Control": "no-store",
    // Proxies that gather what they pass on would hold a stream back.
    ...(head.is_stream && { "X-Accel-Buffering": "no" }),
  };
}

/** Settles when the client has taken what was written, or is gone: one who takes nothing is cut off (server.ts). */
function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      res.off("drain", go).off("close", go);
      resolve();
    };
    res.once("drain", go).once("close", go);
  });
}

function payerOf(header: string | readonly string[] | undefined): "byok" | "managed" | undefined {
  if (header === undefined) return undefined;
  const payer = Payer.safeParse(header);
  if (payer.success) return payer.data;
  const message = "byok or managed, or nothing";
  throw new Fault("invalid_request", `X-Tollbooth-Key is not valid: ${message}`, {
    errors: [{ path: "X-Tollbooth-Key", message }],
  });
}
