/** The refusals of a route as the document tells them: one response a status, one example a code. */
import type { Command } from "@tollbooth/shared/contract";
import { FAULT_CODES, type FaultBody, type FaultCode } from "@tollbooth/shared/fault";
import type { JsonSchema } from "@tollbooth/shared/document";
import type { PROBLEMS } from "./problem.ts";

export type Kinds = typeof PROBLEMS;

const TRACE_ID = "6934633997defc173a9247884b26cfcc";
const FIELD = {
  type: "object",
  properties: { path: { type: "string" }, message: { type: "string", minLength: 1 } },
  required: ["path", "message"],
};

/** Every refusal (RFC 9457). */
export const PROBLEM: JsonSchema = {
  type: "object",
  description: "A refusal (RFC 9457).",
  properties: {
    type: { type: "string", format: "uri-reference", description: "A page of this gateway that says what to do." },
    title: { type: "string" },
    status: { type: "integer", format: "int32", minimum: 400, maximum: 599 },
    code: { type: "string", enum: [...FAULT_CODES], description: "What was refused, for programs." },
    detail: { type: "string", description: "What was refused, for people; of a 5xx nothing but its kind." },
    instance: { type: "string", format: "uri-reference", description: "The path that was asked." },
    trace_id: { type: "string", pattern: "^[0-9a-f]{32}$", description: "Where our logs tell more." },
    fix: { type: "string", description: "What to do about it." },
    errors: { type: "array", items: FIELD, description: "Each field that is wrong." },
    required: { type: "string", description: "Of `insufficient_credits`: what was asked for." },
    available: { type: "string", description: "Of `insufficient_credits`: what may be spent." },
    parts: {
      type: "object",
      additionalProperties: { type: "string", enum: ["up", "down"] },
      description: "Of `/health/ready`: what is there and what is not.",
    },
  },
  required: ["type", "title", "status", "code", "detail", "instance", "trace_id"],
};

/** What every command may answer instead of a result. */
const OF_ALL: readonly FaultCode[] = [
  "unauthenticated",
  "invalid_request",
  "rate_limited",
  "internal",
  "unavailable",
  "overloaded",
  "timeout",
];
const OF_BODIES: readonly FaultCode[] = ["malformed_json", "payload_too_large", "unsupported_media_type"];

/** The codes that a route may refuse with: its own, and those that come with a token, a body or a path. */
export function refusalsOf({ access, http, faults }: Command): FaultCode[] {
  const own = new Set<FaultCode>([...OF_ALL, ...faults]);
  if (access !== "public") own.add("forbidden");
  if (http?.method === "post") for (const code of OF_BODIES) own.add(code);
  // A path that is not percent-encoded UTF-8 is of nothing that there is.
  if (http?.path.includes("{")) own.add("not_found");
  return FAULT_CODES.filter((code) => own.has(code));
}

/** The responses of a document: routes that refuse a status with the same codes share one. */
export class Refusals {
  readonly responses: Record<string, JsonSchema> = {};
  readonly #kinds: Kinds;

  constructor(kinds: Kinds) {
    this.#kinds = kinds;
  }

  /** Responses by status for a route that refuses with these codes. Where no token is read, nobody is counted. */
  of(codes: readonly FaultCode[], isCounted = true): Record<string, JsonSchema> {
    const statusOf = (code: FaultCode) => this.#kinds[code].status;
    const responses = codes.map((code) => {
      const alike = codes.filter((other) => statusOf(other) === statusOf(code));
      return [statusOf(code), this.#shared(alike, isCounted)] as const;
    });
    return Object.fromEntries(responses);
  }

  #shared(codes: readonly FaultCode[], isCounted: boolean): JsonSchema {
    const name = codes.join("-or-") + (isCounted ? "" : "-of-the-platform");
    this.responses[name] ??= this.#response(codes, isCounted);
    return { $ref: `#/components/responses/${name}` };
  }

  #response(codes: readonly FaultCode[], isCounted: boolean): JsonSchema {
    const kinds = codes.map((code) => this.#kinds[code]);
    const counted = isCounted ? ["RateLimit", "RateLimit-Policy"] : [];
    const own = OWN_HEADERS[kinds[0]?.status ?? 0] ?? [];
    const only = { properties: { code: { enum: codes } }, ...membersOf(codes) };
    return {
      description: kinds.map(({ title, about }) => `${title}. ${about}`).join("\n\n"),
      headers: headerRefs(["X-Request-Id", "Cache-Control", ...counted, ...own]),
      content: {
        "application/problem+json": {
          schema: { allOf: [{ $ref: "#/components/schemas/Problem" }, only] },
          examples: Object.fromEntries(codes.map((code) => [code, { value: this.#example(code) }])),
        },
      },
    };
  }

  #example(code: FaultCode): JsonSchema {
    const { status, title, about } = this.#kinds[code];
    const { facts, ...more } = SAID[code] ?? {};
    const instance = "/api/v1/credits/deduct";
    return {
      ...facts,
      type: `/problems/${code}`,
      title,
      status,
      code,
      detail: about,
      instance,
      trace_id: TRACE_ID,
      ...more,
    };
  }
}

const OWN_HEADERS: Readonly<Record<number, readonly string[]>> = {
  401: ["WWW-Authenticate"],
  429: ["Retry-After"],
  503: ["Retry-After"],
  504: ["Retry-After"],
};

/** The members that programs may count on with these codes. */
function membersOf(codes: readonly FaultCode[]): object {
  if (codes.includes("insufficient_credits")) return { required: ["required", "available"] };
  return codes.length === 1 && codes[0] === "invalid_request" ? { required: ["errors"] } : {};
}

/** References to headers of the document. */
export function headerRefs(names: readonly string[]): JsonSchema {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

/** What is said of a refusal beyond its kind, as a running platform said it. */
// prettier-ignore
const SAID: Partial<Record<FaultCode, Partial<FaultBody>>> = {
  malformed_json: { detail: "the body is not JSON" },
  unauthenticated: { detail: "the token is not valid: Invalid Compact JWS", fix: "send `Authorization: Bearer <token>` with a token that is valid now" },
  insufficient_credits: {
    facts: { required: "1000.000000000000", available: "43.499244000000" },
    detail: "this needs 1000.000000000000 credits, and 43.499244000000 are available", fix: "add credits, or choose a cheaper model",
  },
  forbidden: { detail: "you may act on your own account only" },
  not_found: { detail: "there is no such transaction" },
  already_redeemed: { detail: "WELCOME-10 was redeemed by this user before" },
  coupon_exists: { detail: "there is a coupon WELCOME-10 already" },
  coupon_exhausted: { detail: "WELCOME-10 has been redeemed as often as it may be" },
  coupon_expired: { detail: "SHORT has expired" },
  coupon_inactive: { detail: "WELCOME-10 has been ended" },
  idempotency_conflict: { detail: "this Idempotency-Key was used for another request" },
  idempotency_key_expired: { detail: "this Idempotency-Key was used more than 7 days ago: it took effect then, and its answer is no longer kept" },
  payload_too_large: { detail: "the body may have 100000 bytes" },
  unsupported_media_type: { detail: "the body must be application/json in UTF-8", fix: "send `Content-Type: application/json`" },
  invalid_request: { detail: 'the request is not valid: the body: unknown field "colour"', errors: [{ path: "", message: 'unknown field "colour"' }] },
  unpriced_model: { detail: "no price is known for openrouter acme/other" },
  unknown_tier: { detail: "there is no tier gold", fix: "the tiers are trial, starter, professional, enterprise" },
  rate_limited: { detail: "more than 1000 requests in 10 s from one user" },
};
