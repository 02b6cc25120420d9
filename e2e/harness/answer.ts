/** What the gateway answers, and whether it is what the product's contract promises: every answer of every story is held against it. */
import type { Command } from "@tollbooth/shared/contract";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The bytes as they came. */
  readonly text: string;
  readonly json: unknown;
}

/** A refusal (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly instance: string;
  readonly trace_id: string;
  readonly fix?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  readonly required?: string;
  readonly available?: string;
}

/** Written out from the product's contract, not read from the gateway's own table. */
// prettier-ignore
export const STATUS_OF: Readonly<Record<string, number>> = {
  malformed_json: 400, unauthenticated: 401, insufficient_credits: 402, forbidden: 403, not_found: 404,
  method_not_allowed: 405, idempotency_conflict: 409, idempotency_key_expired: 409, hold_ended: 409, key_refused: 409,
  already_redeemed: 409, coupon_exists: 409, coupon_exhausted: 409, coupon_expired: 410, coupon_inactive: 410, payload_too_large: 413,
  unsupported_media_type: 415, invalid_request: 422, unpriced_model: 422, unknown_tier: 422, rate_limited: 429, internal: 500,
  unavailable: 503, overloaded: 503, timeout: 504,
};

/** Refusals that only those contracts give that name them. */
const OF_ITS_OWN = new Set([
  "insufficient_credits",
  "not_found",
  "idempotency_conflict",
  "idempotency_key_expired",
  "unpriced_model",
  "unknown_tier",
  "hold_ended",
  "key_refused",
  "already_redeemed",
  "coupon_exists",
  "coupon_exhausted",
  "coupon_expired",
  "coupon_inactive",
]);

const MEMBERS = ["type", "title", "status", "code", "detail", "instance", "trace_id"];
const FACTS = ["required", "available"];

/** Throws where an answer is not one that this command may give at this path. Without a command the address is unknown. */
export function expectPromised(command: Command | undefined, path: string, answer: Answer): void {
  const wrong = answer.status === 200 ? wrongResult(command, answer) : wrongProblem(command, path, answer);
  if (wrong !== undefined)
    throw new Error(`${path} broke its promise: ${wrong}\nIt answered ${answer.status} ${answer.text}`);
}

function wrongResult(command: Command | undefined, { headers, json }: Answer): string | undefined {
  if (command === undefined) return "there is no such route, and yet it answers";
  if (headers.get("content-type") !== "application/json; charset=utf-8") return "it is not application/json";
  if (headers.get("cache-control") !== "no-store") return "a cache may keep it";
  const parsed = command.output.safeParse(json);
  return parsed.success ? firstDifference(json, parsed.data, "$") : parsed.error.message;
}

function wrongProblem(command: Command | undefined, path: string, answer: Answer): string | undefined {
  const { status, headers, json } = answer;
  if (headers.get("content-type") !== "application/problem+json; charset=utf-8") return "it is no problem+json";
  const problem = json as Problem;
  const missing = MEMBERS.filter((name) => !(name in problem));
  if (missing.length > 0) return `${missing.join(", ")} missing`;
  if (STATUS_OF[problem.code] !== status || problem.status !== status) return "code and status are not a known pair";
  const mayRefuse = !OF_ITS_OWN.has(problem.code) || (command?.faults as readonly string[])?.includes(problem.code);
  if (command !== undefined && !mayRefuse) return "this refusal is not documented here";
  return wrongMembers(problem, path) ?? wrongHeaders(status, headers);
}

function wrongMembers(problem: Problem, path: string): string | undefined {
  const known = [...MEMBERS, "fix", "errors", ...(problem.code === "insufficient_credits" ? FACTS : [])];
  const unknown = Object.keys(problem).filter((name) => !known.includes(name));
  if (unknown.length > 0) return `${unknown.join(", ")} not documented`;
  if (problem.type !== `/problems/${problem.code}`) return "its type is no page of ours";
  if (problem.instance !== path) return "its instance is another address";
  if (!/^[0-9a-f]{32}$/.test(problem.trace_id)) return "its trace_id is none";
  const isBody = problem.code === "invalid_request";
  if (isBody && !problem.errors?.every((one) => typeof one.path === "string" && one.message !== ""))
    return "it does not say which fields are wrong";
  return undefined;
}

function wrongHeaders(status: number, headers: Headers): string | undefined {
  const mustHave = {
    401: "www-authenticate",
    405: "allow",
    429: "retry-after",
    503: "retry-after",
    504: "retry-after",
  };
  const header = mustHave[status as keyof typeof mustHave];
  return header === undefined || headers.has(header) ? undefined : `the header ${header} is missing`;
}

/** Where what came differs from what the schema knows of it: members too many, amounts and times not in their one form. */
function firstDifference(came: unknown, known: unknown, at: string): string | undefined {
  if (typeof came === "string") return wrongText(came, known, at);
  if (Array.isArray(came) && Array.isArray(known))
    return first(came.map((item, i) => firstDifference(item, known[i], `${at}[${i}]`)));
  if (!isObject(came) || !isObject(known)) return undefined;
  const extra = Object.keys(came).find((name) => !(name in known));
  if (extra !== undefined) return `${at}.${extra} is in no contract`;
  return first(Object.entries(came).map(([name, inner]) => firstDifference(inner, known[name], `${at}.${name}`)));
}

function wrongText(text: string, parsed: unknown, at: string): string | undefined {
  // A price per unit has as many places as it needs.
  const isPrice = at.endsWith(".price");
  if (isObject(parsed) && "toFixed" in parsed && !isPrice && !/^-?\d+\.\d{12}$/.test(text))
    return `${at} is no amount of 12 places`;
  if (typeof parsed === "number" && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text))
    return `${at} is no UTC time`;
  return undefined;
}

function first(found: readonly (string | undefined)[]): string | undefined {
  return found.find((one) => one !== undefined);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
