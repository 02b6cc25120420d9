/** The proxy's addresses as the document tells them: requests and answers are OpenRouter's own, refusals are OpenAI's form. */
import type { Command } from "@tollbooth/shared/contract";
import { listModels, openExchange, Payer } from "@tollbooth/shared/contracts/exchanges";
import { examples } from "@tollbooth/shared/contracts/examples";
import { whoMayAsk, type JsonSchema, type SchemaBook } from "@tollbooth/shared/document";
import type { FaultCode } from "@tollbooth/shared/fault";
import { IDEMPOTENCY_KEY } from "./operation.ts";
import { headerRefs, refusalsOf, type Kinds } from "./refusals.ts";

export interface ProxyApi {
  /** Where its addresses begin. */
  readonly prefix: string;
  /** What OpenAI's clients take a refusal to be. */
  readonly statusOf: (code: FaultCode) => number;
  readonly bodyMaxBytes: number;
}

const FIELDS_MAX = 100;
const NAME = { type: "string", minLength: 1, maxLength: 255, pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]+$" };
const TOKENS = { type: "integer", format: "int32", minimum: 1, maximum: 10_000_000 };
const MORE = { maxProperties: FIELDS_MAX, additionalProperties: true };

const CHAT: JsonSchema = {
  type: "object",
  description: "A chat as OpenRouter takes it; fields that are not told of here are passed on.",
  properties: {
    model: NAME,
    models: { type: "array", maxItems: 10, items: NAME, description: "Models that may serve in its place." },
    messages: { type: "array", minItems: 1, maxItems: 10_000, items: { type: "object", ...MORE } },
    max_tokens: {
      ...TOKENS,
      description: "Without it as many as the model and the caller's credits allow, up to 16,384.",
    },
    stream: { type: "boolean", description: "The answer comes as server-sent events." },
  },
  required: ["model", "messages"],
  ...MORE,
};
const EMBEDDINGS: JsonSchema = {
  type: "object",
  description: "As OpenRouter takes it.",
  properties: { model: NAME, input: { description: "A text, or several." } },
  required: ["model"],
  ...MORE,
};

/** A refusal as OpenAI's clients read it. */
export const PROXY_REFUSAL: JsonSchema = {
  type: "object",
  description: "A refusal of the proxy, in the form that OpenAI's clients read.",
  properties: {
    error: {
      type: "object",
      properties: {
        message: {
          type: "string",
          description: "What was refused and what to do, for people; of a 5xx nothing but its kind.",
        },
        type: { type: "string" },
        code: { type: "string", description: "What was refused, for programs." },
        param: { type: ["string", "null"], description: "The field that is wrong." },
        trace_id: { type: "string", pattern: "^[0-9a-f]{32}$", description: "Where our logs tell more." },
        required: { type: "string", description: "Of `insufficient_credits`: what was asked for." },
        available: { type: "string", description: "Of `insufficient_credits`: what may be spent." },
        affordable_tokens: {
          type: "integer",
          format: "int64",
          description: "Of `insufficient_credits`: how long an answer can be paid for.",
        },
      },
      required: ["message", "type", "code", "param", "trace_id"],
    },
  },
  required: ["error"],
};

const ONCE: JsonSchema = {
  ...IDEMPOTENCY_KEY,
  description:
    "Under the same key the request is sent once; its answer is not kept, and a repeat is 409 `idempotency_conflict`.",
};
const WHOSE_KEY: JsonSchema = {
  name: "X-Tollbooth-Key",
  in: "header",
  description: "Who has to pay; without it the user's own key where he has connected one.",
  schema: { type: "string", enum: [...Payer.options] },
};
const ALL = ["X-Request-Id", "Cache-Control", "RateLimit", "RateLimit-Policy", "X-Tollbooth-Request-Id"];
const BILL = ["X-Tollbooth-Cost", "X-Tollbooth-Balance"];
const OF_METERED = ["X-Tollbooth-Key", "X-Tollbooth-Affordable-Tokens", "X-Tollbooth-Free"];

/** Their paths in the document. */
export function proxyPaths({ prefix, ...proxy }: ProxyApi, kinds: Kinds, book: SchemaBook): Record<string, JsonSchema> {
  const metered = (name: string, summary: string, schema: JsonSchema, example: JsonSchema, streams: boolean) => ({
    ...about(openExchange, name, summary),
    parameters: [ONCE, WHOSE_KEY],
    requestBody: {
      description: `At most ${proxy.bodyMaxBytes.toLocaleString("en")} bytes of JSON in UTF-8.`,
      required: true,
      content: { "application/json": { schema, example } },
    },
    responses: {
      200: {
        description: "OpenRouter's own answer. Of a stream cost and balance stand in a comment before its end.",
        headers: headerRefs([...ALL, ...BILL, ...OF_METERED]),
        content: {
          "application/json": { schema: { type: "object", additionalProperties: true } },
          ...(streams && { "text/event-stream": { schema: { type: "string" } } }),
        },
      },
      ...refusals(proxy, kinds, { ...openExchange, http: { method: "post", path: "" } }),
    },
  });
  const chat = { model: "openai/gpt-4o-mini", messages: [{ role: "user", content: "Say something." }], max_tokens: 50 };
  const embeddings = { model: "openai/text-embedding-3-small", input: "Something to find again." };
  const models = {
    200: {
      description: "The models that have a price.",
      headers: headerRefs([...ALL, ...BILL]),
      content: {
        "application/json": { schema: book.of(listModels.output), example: examples[listModels.subject]?.output },
      },
    },
    ...refusals(proxy, kinds, listModels),
  };
  return {
    [`${prefix}/chat/completions`]: {
      post: metered("chatCompletions", "A chat, metered: the caller's own key or his credits pay", CHAT, chat, true),
    },
    [`${prefix}/embeddings`]: {
      post: metered("embeddings", "Embeddings, metered like a chat", EMBEDDINGS, embeddings, false),
    },
    [`${prefix}/models`]: { get: { ...about(listModels, "listModels", listModels.summary), responses: models } },
  };
}

function about({ access, subject }: Command, operationId: string, summary: string): JsonSchema {
  const description = `${whoMayAsk(access)} For OpenAI's clients, whose base is \`/api/v1\`. Answered by the command \`${subject}\`.`;
  return { operationId, tags: ["proxy"], summary, description, security: [{ bearer: [] }] };
}

/** One response a status, of those codes that it stands for. */
function refusals(
  { statusOf }: Pick<ProxyApi, "statusOf">,
  kinds: Kinds,
  command: Command,
): Record<string, JsonSchema> {
  const codes = refusalsOf(command);
  const responses = codes.map((code) => {
    const status = statusOf(code);
    const alike = codes.filter((other) => statusOf(other) === status);
    return [status, refusal(status, alike, kinds)] as const;
  });
  return Object.fromEntries(responses);
}

function refusal(status: number, codes: readonly FaultCode[], kinds: Kinds): JsonSchema {
  const only = { properties: { error: { properties: { code: { enum: codes } } } } };
  return {
    description: codes.map((code) => `\`${code}\`: ${kinds[code].title}.`).join(" "),
    headers: {
      ...headerRefs([...ALL, ...BILL, "X-Should-Retry", ...(LATER.has(status) ? ["Retry-After"] : [])]),
      ...(codes.includes("unauthenticated") && { "WWW-Authenticate": CHALLENGE }),
    },
    content: {
      "application/json": { schema: { allOf: [{ $ref: "#/components/schemas/ProxyRefusal" }, only] } },
    },
  };
}

/** Statuses that say when trying again makes sense. */
const LATER: ReadonlySet<number> = new Set([429, 503, 504]);
/** A key that is refused comes without it. */
const CHALLENGE = { description: "How to say who asks (RFC 6750).", schema: { type: "string", pattern: "^Bearer " } };
