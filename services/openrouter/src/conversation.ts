/** What is said between OpenRouter and who asked: the request once, the answer as it comes, the bill beside it. */
import { Fault } from "@tollbooth/shared/fault";
import type { Ending } from "./bill.ts";
import { bodyToSend, type Kind, type Wanted } from "./body.ts";
import { refusal, type Answering } from "./client.ts";
import type { Exchange } from "./exchange.ts";
import { named, settle, type Agreed, type Metering, type Settled } from "./settling.ts";
import { EventStream, toldIn } from "./told.ts";

export interface Conversation {
  readonly exchange: Exchange;
  readonly wanted: Wanted;
  /** Whose failures count together. */
  readonly key: string;
  /** Aborts when the process leaves. */
  readonly closing: AbortSignal;
}

/** No model takes longer. */
const CONVERSATION_MAX_MS = 600_000;
/** Closing the connection does not stop the bill: what its client has left is read to its end, in so long at most. */
const DRAIN_MAX_MS = 120_000;

const PATHS = { chat: "/chat/completions", embeddings: "/embeddings" } as const satisfies Record<Kind, string>;

/** Sends a request and brings its answer into the exchange. Throws what OpenRouter refused, and `timeout` where nobody knows. */
export async function converse(metering: Metering, agreed: Agreed, conversation: Conversation): Promise<Ending> {
  const { exchange, wanted, key, closing } = conversation;
  const { guards, openRouter } = metering;
  const body = bodyToSend(wanted, agreed.reserved?.outputTokens ?? agreed.terms.outputTokens);
  const bounded = boundedBy(exchange.left, closing);
  try {
    const path = PATHS[wanted.kind];
    const answering = await guards.ask(key, () => openRouter.ask(agreed.payer.apiKey, path, body, bounded.signal));
    const naming = nameIn(metering, agreed, answering);
    return await (answering.isStream ? streamed : whole)(metering, agreed, exchange, { ...answering, naming });
  } finally {
    bounded.end();
  }
}

/** An answer that is being named while its first words come. Nothing of it is given before that is kept. */
interface Naming extends Answering {
  readonly naming: Promise<void>;
}

function nameIn(metering: Metering, agreed: Agreed, { generationId }: Answering): Promise<void> {
  if (generationId === undefined) return Promise.resolve();
  const naming = named(metering, agreed, generationId);
  // Heard where the answer is given; it may break off before.
  naming.catch(() => {});
  return naming;
}

/** One text: it is given when its bill is known, because that stands before it. */
async function whole(metering: Metering, agreed: Agreed, exchange: Exchange, answering: Naming): Promise<Ending> {
  let text = "";
  for await (const part of answering.texts) text += part;
  await answering.naming;
  const told = toldIn(text);
  if (told === undefined) {
    const cause = new Error(`an answer of ${text.length} characters is no answer that we know: ${text.slice(-60)}`);
    throw new Fault("timeout", "OpenRouter's answer could not be read", { retryAfterS: 1, cause });
  }
  // A provider's failure may come as a success: without a use it has cost nothing.
  if (told.failure !== undefined && told.usage === undefined) throw refusal(told.failure);
  const generationId = answering.generationId ?? told.generationId;
  if (answering.generationId === undefined && generationId !== undefined) await named(metering, agreed, generationId);
  const ending = exchange.left.aborted ? "left" : "completed";
  const settled = await settle(metering, agreed, { ...told, generationId, ending });
  exchange.begin({ isStream: false, headers: { ...headersOf(agreed), ...billHeaders(settled) } });
  void exchange.push(text);
  return ending;
}

/** Events as they come; the bill is told before the last of them. */
async function streamed(metering: Metering, agreed: Agreed, exchange: Exchange, answering: Naming): Promise<Ending> {
  const events = new EventStream();
  let { generationId } = answering;
  let firstTokenMs: number | undefined;
  exchange.begin({ isStream: true, headers: headersOf(agreed) });
  try {
    for await (const text of answering.texts) {
      const lines = events.take(text);
      if (events.told.model !== undefined) firstTokenMs ??= Math.round(performance.now() - agreed.startedMs);
      if (generationId === undefined && events.told.generationId !== undefined) {
        generationId = events.told.generationId;
        await named(metering, agreed, generationId);
      }
      await answering.naming;
      if (lines !== "") await exchange.push(lines);
    }
  } catch (error) {
    metering.log.warn({ err: error, userId: agreed.userId, requestId: agreed.requestId }, "a stream broke off");
  }
  const ending = exchange.left.aborted ? "left" : events.isDone ? "completed" : "broken";
  const settled = await settle(metering, agreed, { ...events.told, generationId, ending, firstTokenMs });
  void exchange.push(billComment(agreed, settled) + (events.isDone ? events.end : BROKEN));
  return ending;
}

/** Clients know an error in the stream; an end without one they would take for the end of the answer. */
const BROKEN = `data: {"error":{"code":502,"message":"the answer broke off; what came of it is paid for"}}\n\n`;

function headersOf({ requestId, payer, reserved, terms }: Agreed): Record<string, string> {
  return {
    "X-Tollbooth-Request-Id": requestId,
    "X-Tollbooth-Key": payer.name,
    ...(reserved !== undefined && { "X-Tollbooth-Affordable-Tokens": String(reserved.affordableTokens) }),
    ...(terms.isFree && { "X-Tollbooth-Free": "true" }),
  };
}

function billHeaders({ cost, balance }: Settled): Record<string, string> {
  return {
    ...(cost !== undefined && { "X-Tollbooth-Cost": cost }),
    ...(balance !== undefined && { "X-Tollbooth-Balance": balance }),
  };
}

/** A line that every reader of events passes over, save one who looks for it. */
function billComment({ requestId }: Agreed, { cost, balance }: Settled): string {
  return `: tollbooth ${JSON.stringify({ request_id: requestId, cost, balance })}\n\n`;
}

function boundedBy(left: AbortSignal, closing: AbortSignal): { readonly signal: AbortSignal; end(): void } {
  const late = new AbortController();
  const timers = [setTimeout(() => late.abort(), CONVERSATION_MAX_MS)];
  const drain = () => void timers.push(setTimeout(() => late.abort(), DRAIN_MAX_MS));
  left.addEventListener("abort", drain, { once: true });
  return {
    signal: AbortSignal.any([late.signal, closing]),
    end: () => {
      left.removeEventListener("abort", drain);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
