/**
 * The one error class. A Fault is a refusal that the caller may see: its code is part of the contract, its detail
 * is for the caller, its cause is for our log. Whatever else is thrown is a bug and is told to nobody but the log.
 */
export const FAULT_CODES = [
  "malformed_json",
  "unauthenticated",
  "insufficient_credits",
  "forbidden",
  "not_found",
  "hold_ended",
  "key_refused",
  "unknown_tier",
  "method_not_allowed",
  "already_redeemed",
  "coupon_exists",
  "coupon_exhausted",
  "coupon_expired",
  "coupon_inactive",
  "idempotency_conflict",
  "idempotency_key_expired",
  "payload_too_large",
  "unsupported_media_type",
  "invalid_request",
  "unpriced_model",
  "rate_limited",
  "internal",
  "unavailable",
  "overloaded",
  "timeout",
] as const;

export type FaultCode = (typeof FAULT_CODES)[number];

/** What was wrong with one field of the input. `path` is dotted, "" for the whole. */
export interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

export interface FaultMore {
  /** What the caller can do about it, one sentence. */
  readonly fix?: string;
  /** Facts a program may use, such as `required` and `available`; printed as members of the answer. */
  readonly facts?: Readonly<Record<string, string | number>>;
  readonly errors?: readonly FieldProblem[];
  /** Seconds after which trying again makes sense. */
  readonly retryAfterS?: number;
  readonly cause?: unknown;
}

/** A fault as it travels between services. */
export interface FaultBody {
  readonly code: FaultCode;
  readonly detail: string;
  readonly fix?: string;
  readonly facts?: Readonly<Record<string, string | number>>;
  readonly errors?: readonly FieldProblem[];
  readonly retry_after_s?: number;
}

export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: FaultCode;
  readonly more: FaultMore;

  constructor(code: FaultCode, detail: string, more: FaultMore = {}) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.more = more;
  }

  /** What may leave the process: never the cause. */
  body(): FaultBody {
    const { fix, facts, errors, retryAfterS } = this.more;
    return {
      code: this.code,
      detail: this.message,
      ...(fix !== undefined && { fix }),
      ...(facts !== undefined && { facts }),
      ...(errors !== undefined && { errors }),
      ...(retryAfterS !== undefined && { retry_after_s: retryAfterS }),
    };
  }

  /** The fault that another service answered. */
  static fromBody(body: FaultBody): Fault {
    const { code, detail, fix, facts, errors, retry_after_s } = body;
    return new Fault(code, detail, {
      ...(fix !== undefined && { fix }),
      ...(facts !== undefined && { facts }),
      ...(errors !== undefined && { errors }),
      ...(retry_after_s !== undefined && { retryAfterS: retry_after_s }),
    });
  }

  /** Any thrown thing as a Fault: what is not one already becomes a silent `internal`. */
  static from(thrown: unknown): Fault {
    if (thrown instanceof Fault) return thrown;
    return new Fault("internal", "something went wrong on our side; it has been logged", { cause: thrown });
  }
}
