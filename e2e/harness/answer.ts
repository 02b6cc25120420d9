/** What the gateway answers, and whether it is what the product promises: every answer of every request of the tests is held against it. */
import { undocumented } from "./document.ts";

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

const FACTS = ["required", "available"] as const;

/** Throws where an answer is not one that the API's document tells of, or where it says what is not so. */
export function expectPromised(method: string, pathname: string, answer: Answer): void {
  const wrong = undocumented(method, pathname, answer) ?? wrongProblem(pathname, answer);
  if (wrong !== undefined)
    throw new Error(`${method} ${pathname} broke its promise: ${wrong}\nIt answered ${answer.status} ${answer.text}`);
}

/** What no schema says of a refusal: that its members agree with each other and with what was asked. */
function wrongProblem(pathname: string, { status, json }: Answer): string | undefined {
  if (status < 400 || json === undefined) return undefined;
  const problem = json as Problem;
  if (STATUS_OF[problem.code] !== status || problem.status !== status) return "code and status are not a known pair";
  if (problem.type !== `/problems/${problem.code}`) return "its type is no page of ours";
  if (problem.instance !== pathname && problem.instance !== encodeURI(pathname))
    return "its instance is another address";
  const tells = FACTS.find((name) => name in problem);
  if (tells !== undefined && problem.code !== "insufficient_credits") return `it tells what is ${tells}`;
  return undefined;
}
