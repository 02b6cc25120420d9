/**
 * OpenRouter's HTTP, and nobody else knows it. Every request has a time-out, every answer a largest size; amounts are
 * taken from the answer's text, digit by digit. Nothing is sent twice by itself: OpenRouter has no idempotency keys.
 */
import type { z } from "zod";
import { Fault } from "@tollbooth/shared/fault";
import { scrub } from "@tollbooth/shared/log";
import { inSpan, SpanKind } from "@tollbooth/shared/telemetry";
import { faultOf } from "./refusal.ts";
import { CreditsAnswer, KeyAnswer, ModelsAnswer, RedeemAnswer } from "./answers.ts";
import { readExact } from "./exact-json.ts";
import type { CreditsFacts, KeyFacts } from "./remaining.ts";
import { Secret } from "./secret.ts";
import { billIn, failureIn, type FailureTold, type Told } from "./told.ts";

/** Two of these fit into what the gateway waits. */
const ASK_TIMEOUT_MS = 4_000;
const LIST_TIMEOUT_MS = 30_000;
const ANSWER_MAX_BYTES = 8 * 1024 ** 2;
const MESSAGE_MAX = 300;
const CHALLENGE_METHOD = "S256";

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
  readonly signal: AbortSignal;
}

interface Received {
  readonly text: string;
  readonly json: unknown;
}

/** What was asked is being answered. */
export interface Answering {
  /** OpenRouter's name of it, where its head tells it. */
  readonly generationId: string | undefined;
  /** Server-sent events, and not one JSON text. */
  readonly isStream: boolean;
  /** The text as it comes. Throws `timeout` where it breaks off. */
  readonly texts: AsyncIterable<string>;
}

/** Whether what failed was never sent, so that it may be sent again. */
export function wasNotSent(error: unknown): boolean {
  return error instanceof Fault && isNotSent(error.more.cause);
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

  /** Where a user lets OpenRouter make a key for us, and is sent back from with a code. */
  authPage(callbackUrl: string, challenge: string): string {
    const page = new URL("/auth", this.#baseUrl);
    page.search = new URLSearchParams({
      callback_url: callbackUrl,
      code_challenge: challenge,
      code_challenge_method: CHALLENGE_METHOD,
    }).toString();
    return page.href;
  }

  /** The key that a code is good for, once. Throws `timeout` where nobody knows whether it was used, and what OpenRouter refused as that. */
  async redeem(code: string, verifier: Secret): Promise<Secret> {
    const body = { code, code_verifier: verifier.reveal(), code_challenge_method: CHALLENGE_METHOD };
    const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
    const sending = { method: "POST", path: "/auth/keys", body: JSON.stringify(body), signal } as const;
    return new Secret(read(RedeemAnswer, await this.#send(sending)).key);
  }

  /** The models that OpenRouter lists. Throws `unavailable` where it does not answer. */
  async models(signal?: AbortSignal): Promise<unknown[]> {
    const late = AbortSignal.timeout(LIST_TIMEOUT_MS);
    const listing = {
      method: "GET",
      path: "/models",
      signal: signal ? AbortSignal.any([late, signal]) : late,
    } as const;
    return read(ModelsAnswer, await this.#send(listing).catch(undone)).data;
  }

  /**
   * Asks what costs, once. Throws `timeout` where nobody knows whether it was done and billed, and what OpenRouter refused
   * as that; then nothing was. Aborting `signal` ends it, and leaves that unknown too.
   */
  ask(
    apiKey: Secret,
    path: "/chat/completions" | "/embeddings",
    body: string,
    signal: AbortSignal,
  ): Promise<Answering> {
    return this.#answered({ method: "POST", path, apiKey, body, signal }, async (response) => ({
      generationId: response.headers.get("x-generation-id") ?? undefined,
      isStream: response.headers.get("content-type")?.startsWith("text/event-stream") ?? false,
      texts: textsOf(response),
    }));
  }

  /** The bill of what was asked with a key; undefined where OpenRouter has none (yet). Throws `unavailable` where it does not answer. */
  async bill(apiKey: Secret, generationId: string): Promise<Told | undefined> {
    const path = `/generation?id=${encodeURIComponent(generationId)}`;
    try {
      return billIn((await this.#get(path, apiKey)).text);
    } catch (error) {
      if (Fault.from(error).code === "invalid_request") return undefined;
      throw error;
    }
  }

  async #get(path: string, apiKey: Secret): Promise<Received> {
    return this.#send({ method: "GET", path, apiKey, signal: AbortSignal.timeout(ASK_TIMEOUT_MS) }).catch(undone);
  }

  #send(sending: Sending): Promise<Received> {
    return this.#answered(sending, received);
  }

  /** What is made of a good answer. Throws what a bad one means. */
  #answered<T>(sending: Sending, take: (response: Response) => Promise<T>): Promise<T> {
    const { method, path } = sending;
    const attributes = { "http.request.method": method, "url.full": this.#baseUrl + path };
    const span = { kind: SpanKind.CLIENT, attributes };
    return inSpan(`openrouter ${method} ${path.split("?")[0]}`, span, async (opened) => {
      const response = await this.#exchange(sending);
      opened.setAttribute("http.response.status_code", response.status);
      if (response.ok) return take(response);
      const failure = failureIn((await received(response)).json) ?? { status: response.status, message: "" };
      throw refusal({ ...failure, status: response.status }, response.headers);
    });
  }

  #exchange({ method, path, apiKey, body, signal }: Sending): Promise<Response> {
    return fetch(this.#baseUrl + path, {
      method,
      headers: {
        Accept: "application/json, text/event-stream",
        ...(apiKey !== undefined && { Authorization: `Bearer ${apiKey.reveal()}` }),
        ...(body !== undefined && { "Content-Type": "application/json" }),
      },
      body: body ?? null,
      // A key is for this address and no other.
      redirect: "error",
      signal,
    }).catch(interrupted);
  }
}

async function received(response: Response): Promise<Received> {
  let text = "";
  for await (const part of textsOf(response)) text += part;
  return { text, json: readExact(text) };
}

/**
 * The text of an answer of bounded size, as it comes. Its body is taken hold of at once: one that nobody has begun to read
 * is cancelled, and reads as empty, as soon as the Response is collected as garbage.
 */
function textsOf({ body }: Response): AsyncIterable<string> {
  return decoded(body === null ? [] : body.values());
}

async function* decoded(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > ANSWER_MAX_BYTES) throw new Error(`the answer has more than ${ANSWER_MAX_BYTES} bytes`);
      yield decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    throw unknown(error);
  }
  yield decoder.decode();
}

/** What came between: `unavailable` where nothing was sent, `timeout` where nobody knows what became of it. */
function interrupted(error: unknown): never {
  throw isNotSent(error) ? away(error) : unknown(error);
}

function isNotSent(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as { readonly code?: string } | undefined) : undefined;
  return cause?.code !== undefined && NOT_SENT.has(cause.code);
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

function read<T extends z.ZodType>(schema: T, { json }: Received): z.output<T> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new Fault("unavailable", "OpenRouter's answer could not be read", { retryAfterS: 1, cause: parsed.error });
}

/** What OpenRouter refused: in its words, without the key owner's id that stands beside them, and without any key. */
export function refusal({ status, message }: FailureTold, headers?: Headers): Fault {
  const refused = {
    status,
    message: scrub(message).slice(0, MESSAGE_MAX),
    retryAfter: headers?.get("retry-after") ?? null,
    resetAt: headers?.get("x-ratelimit-reset") ?? null,
  };
  return faultOf(refused, Date.now());
}
