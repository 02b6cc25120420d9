/**
 * OpenRouter's HTTP, and nobody else knows it. Every request has a time-out, every answer a largest size; amounts are
 * taken from the answer's text, digit by digit. Nothing is sent twice by itself: OpenRouter has no idempotency keys.
 */
import { parse } from "lossless-json";
import type { z } from "zod";
import { Fault } from "@tollbooth/shared/fault";
import { scrub } from "@tollbooth/shared/log";
import { inSpan, SpanKind } from "@tollbooth/shared/telemetry";
import { faultOf } from "./refusal.ts";
import { ChatAnswer, CreditsAnswer, Failure, KeyAnswer, ModelsAnswer } from "./answers.ts";
import type { UsageFacts } from "./bill.ts";
import type { CreditsFacts, KeyFacts } from "./remaining.ts";
import type { Secret } from "./secret.ts";

/** Two of these fit into what the gateway waits. */
const ASK_TIMEOUT_MS = 4_000;
const LIST_TIMEOUT_MS = 30_000;
const ANSWER_MAX_BYTES = 8 * 1024 ** 2;
const MESSAGE_MAX = 300;
const BAD_GATEWAY = 502;

/** Errors of a connection that never came to be: nothing was sent. */
const NOT_SENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

interface Sending {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly apiKey?: Secret;
  readonly body?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

interface Received {
  readonly text: string;
  readonly json: unknown;
  readonly headers: Headers;
}

/** A chat's answer. */
export interface Completion {
  /** As it came. */
  readonly text: string;
  readonly model: string;
  readonly generationId: string | null;
  /** Undefined where the answer does not say what was used. */
  readonly usage: UsageFacts | undefined;
}

export class OpenRouter {
  readonly #baseUrl: string;

  /** Speaks to the API at this address, such as https://openrouter.ai/api/v1. */
  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl;
  }

  /** What OpenRouter tells of a key. Throws `key_refused` where it does not take it, `unavailable` where it does not answer. */
  async key(apiKey: Secret): Promise<KeyFacts> {
    return read(KeyAnswer, await this.#get("/key", apiKey));
  }

  /** The credits of an account, for a management key. Throws like `key`, and `forbidden` for any other key. */
  async credits(apiKey: Secret): Promise<CreditsFacts> {
    return read(CreditsAnswer, await this.#get("/credits", apiKey));
  }

  /** The models that OpenRouter lists. Throws `unavailable` where it does not answer. */
  async models(signal?: AbortSignal): Promise<unknown[]> {
    const listing = { method: "GET", path: "/models", timeoutMs: LIST_TIMEOUT_MS } as const;
    return read(ModelsAnswer, await this.#send({ ...listing, ...(signal && { signal }) }).catch(undone)).data;
  }

  /**
   * Asks a chat, once. Throws `timeout` where nobody knows whether it was done and billed, and what OpenRouter refused as
   * that; then nothing was.
   */
  async chat(apiKey: Secret, body: string, timeoutMs: number): Promise<Completion> {
    const received = await this.#send({ method: "POST", path: "/chat/completions", apiKey, body, timeoutMs });
    const { text, json, headers } = received;
    const answer = ChatAnswer.safeParse(json).data;
    // A provider's failure may come as a success: without a use it has cost nothing.
    const failure = Failure.safeParse(json).data?.error;
    if (failure !== undefined && !answer?.usage)
      throw refusal(Number(failure.http_status ?? failure.code) || BAD_GATEWAY, received);
    if (answer === undefined) throw unknown(new Error("the answer to a chat could not be read"));
    const generationId = headers.get("x-generation-id") ?? answer.id ?? null;
    return { text, model: answer.model, generationId, usage: answer.usage ?? undefined };
  }

  async #get(path: string, apiKey: Secret): Promise<Received> {
    return this.#send({ method: "GET", path, apiKey, timeoutMs: ASK_TIMEOUT_MS }).catch(undone);
  }

  #send(sending: Sending): Promise<Received> {
    const { method, path } = sending;
    const attributes = { "http.request.method": method, "url.full": this.#baseUrl + path };
    return inSpan(`openrouter ${method} ${path}`, { kind: SpanKind.CLIENT, attributes }, async (span) => {
      const response = await this.#exchange(sending);
      span.setAttribute("http.response.status_code", response.status);
      const text = await textOf(response).catch(interrupted);
      const received = { text, json: readJson(text), headers: response.headers };
      if (response.ok) return received;
      throw refusal(response.status, received);
    });
  }

  #exchange({ method, path, apiKey, body, timeoutMs, signal }: Sending): Promise<Response> {
    const late = AbortSignal.timeout(timeoutMs);
    return fetch(this.#baseUrl + path, {
      method,
      headers: {
        Accept: "application/json",
        ...(apiKey !== undefined && { Authorization: `Bearer ${apiKey.reveal()}` }),
        ...(body !== undefined && { "Content-Type": "application/json" }),
      },
      body: body ?? null,
      // A key is for this address and no other.
      redirect: "error",
      signal: signal === undefined ? late : AbortSignal.any([late, signal]),
    }).catch(interrupted);
  }
}

/** The text of a body of bounded size. */
async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > ANSWER_MAX_BYTES) throw new Error(`the answer has more than ${ANSWER_MAX_BYTES} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** What came between: `unavailable` where nothing was sent, `timeout` where nobody knows what became of it. */
function interrupted(error: unknown): never {
  const { cause } = error as { cause?: { code?: string } };
  throw cause?.code !== undefined && NOT_SENT.has(cause.code) ? away(error) : unknown(error);
}

function unknown(cause: unknown): Fault {
  return new Fault("timeout", "OpenRouter's answer did not come: whether it did what was asked is not known", {
    retryAfterS: 1,
    cause,
  });
}

/** Of a question there is no doubt whether it was done: it changes nothing. */
function undone(error: unknown): never {
  const fault = Fault.from(error);
  throw fault.code === "timeout" ? away(fault) : fault;
}

function away(cause: unknown): Fault {
  return new Fault("unavailable", "OpenRouter cannot be reached at the moment; try again shortly", {
    retryAfterS: 1,
    cause,
  });
}

/** JSON with its numbers as texts; undefined where it is none. */
function readJson(text: string): unknown {
  try {
    return parse(text, undefined, (number) => number);
  } catch {
    return undefined;
  }
}

function read<T extends z.ZodType>(schema: T, { json }: Received): z.output<T> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new Fault("unavailable", "OpenRouter's answer could not be read", { retryAfterS: 1, cause: parsed.error });
}

/** What OpenRouter refused: in its words, without the key owner's id that stands beside them, and without any key. */
function refusal(status: number, { json, headers }: Received): Fault {
  const failure = Failure.safeParse(json).data?.error;
  const refused = {
    status,
    message: scrub(failure?.message ?? failure?.error_type ?? "").slice(0, MESSAGE_MAX),
    retryAfter: headers.get("retry-after"),
    resetAt: headers.get("x-ratelimit-reset"),
  };
  return faultOf(refused, Date.now());
}
