/**
 * OpenRouter's HTTP, and nobody else knows it. Every request has a time-out, every answer a largest size; amounts are
 * taken from the answer's text, digit by digit. Nothing is sent twice by itself: OpenRouter has no idempotency keys.
 */
import { parse } from "lossless-json";
import { z } from "zod";
import { Fault } from "@tollbooth/shared/fault";
import { scrub } from "@tollbooth/shared/log";
import { decimal, type Money } from "@tollbooth/shared/money";
import { inSpan, SpanKind } from "@tollbooth/shared/telemetry";
import { faultOf } from "./refusal.ts";
import type { CreditsFacts, KeyFacts } from "./remaining.ts";
import type { Secret } from "./secret.ts";

/** Two of these fit into what the gateway waits. */
const ASK_TIMEOUT_MS = 4_000;
const ANSWER_MAX_BYTES = 16 * 1024 ** 2;
const MESSAGE_MAX = 300;

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
}

/** A figure as it stands in the text: numbers are left as texts by our parser. */
const Figure = z
  .string()
  .regex(/^-?\d{1,40}(\.\d{1,60})?([eE][+-]?\d{1,2})?$/)
  .transform((text): Money => decimal(text));

const KeyAnswer = z.object({
  data: z.object({
    limit_remaining: Figure.nullish(),
    is_management_key: z.boolean().nullish(),
    creator_user_id: z.string().min(1).max(255).nullish(),
  }),
});
const CreditsAnswer = z.object({ data: z.object({ total_credits: Figure, total_usage: Figure }) });
const Failure = z.object({ error: z.object({ message: z.string().optional(), error_type: z.string().optional() }) });

export class OpenRouter {
  readonly #baseUrl: string;

  /** Speaks to the API at this address, such as https://openrouter.ai/api/v1. */
  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl;
  }

  /** What OpenRouter tells of a key. Throws `key_refused` where it does not take it, `unavailable` where it does not answer. */
  async key(apiKey: Secret): Promise<KeyFacts> {
    const { data } = read(KeyAnswer, await this.#get("/key", apiKey));
    return {
      limitRemaining: data.limit_remaining ?? null,
      isManagementKey: data.is_management_key ?? false,
      creatorUserId: data.creator_user_id ?? null,
    };
  }

  /** The credits of an account, for a management key. Throws like `key`, and `forbidden` for any other key. */
  async credits(apiKey: Secret): Promise<CreditsFacts> {
    const { data } = read(CreditsAnswer, await this.#get("/credits", apiKey));
    return { totalCredits: data.total_credits, totalUsage: data.total_usage };
  }

  async #get(path: string, apiKey: Secret): Promise<Received> {
    return this.#send({ method: "GET", path, apiKey, timeoutMs: ASK_TIMEOUT_MS }).catch((error: unknown) => {
      const fault = Fault.from(error);
      // Of a question there is no doubt whether it was done: it changes nothing.
      throw fault.code === "timeout" ? away(fault) : fault;
    });
  }

  #send(sending: Sending): Promise<Received> {
    const { method, path } = sending;
    const attributes = { "http.request.method": method, "url.full": this.#baseUrl + path };
    return inSpan(`openrouter ${method} ${path}`, { kind: SpanKind.CLIENT, attributes }, async (span) => {
      const response = await this.#exchange(sending);
      span.setAttribute("http.response.status_code", response.status);
      const text = await textOf(response).catch(interrupted);
      const json = readJson(text);
      if (response.ok) return { text, json };
      throw faultOf(
        {
          status: response.status,
          message: messageIn(json),
          retryAfter: response.headers.get("retry-after"),
          resetAt: response.headers.get("x-ratelimit-reset"),
        },
        Date.now(),
      );
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
  if (cause?.code !== undefined && NOT_SENT.has(cause.code)) throw away(error);
  throw new Fault("timeout", "OpenRouter did not answer in time: whether it did what was asked is not known", {
    retryAfterS: 1,
    cause: error,
  });
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

/** OpenRouter's words, without the key owner's id that stands beside them, and without any key. */
function messageIn(json: unknown): string {
  const failure = Failure.safeParse(json).data?.error;
  return scrub(failure?.message ?? failure?.error_type ?? "").slice(0, MESSAGE_MAX);
}
