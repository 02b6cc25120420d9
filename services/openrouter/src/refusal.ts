/** What a refusal of OpenRouter's means to who asked us. Pure. */
import { Fault } from "@tollbooth/shared/fault";

/** An answer that is no result, as far as it matters. */
export interface Refused {
  readonly status: number;
  /** OpenRouter's own words; "" where it has none. */
  readonly message: string;
  /** The headers `Retry-After` and `X-RateLimit-Reset` (milliseconds since 1970). */
  readonly retryAfter: string | null;
  readonly resetAt: string | null;
}

const CONNECT = "connect a key that works with POST /openrouter/create-account";
const DAY_MS = 86_400_000;
const RETRY_S = 1;
const RETRY_MAX_S = 86_400;

/**
 * The fault of a refusal. `timeout` says that OpenRouter gave up on a provider and nobody knows whether that one went on,
 * and billed; every other one that nothing was done.
 */
export function faultOf(refused: Refused, nowMs: number): Fault {
  const { status, message } = refused;
  const words = message === "" ? "" : `: ${message}`;
  switch (status) {
    case 401:
      return keyRefused();
    case 402:
      return new Fault("insufficient_credits", `the user's OpenRouter account cannot pay for this${words}`, {
        fix: "add credits at OpenRouter, or ask for fewer max_tokens",
      });
    case 403:
      return new Fault("forbidden", `OpenRouter does not let this key do that${words}`);
    case 408:
    case 504:
    case 524:
      return new Fault("timeout", "the provider did not answer OpenRouter in time", { retryAfterS: RETRY_S });
    case 429:
      return new Fault("rate_limited", `OpenRouter lets this key ask no more at the moment${words}`, {
        retryAfterS: retryAfterS(refused, nowMs),
      });
    default:
      return status < 500
        ? new Fault("invalid_request", `OpenRouter does not take this request${words}`, {
            errors: [{ path: "", message: message || "was refused" }],
          })
        : new Fault("unavailable", "OpenRouter cannot answer at the moment", { retryAfterS: RETRY_S, cause: refused });
  }
}

/** The refusal of a key that OpenRouter does not take. */
export function keyRefused(): Fault {
  return new Fault("key_refused", "OpenRouter does not take this key", { fix: CONNECT });
}

function retryAfterS({ message, retryAfter, resetAt }: Refused, nowMs: number): number {
  // A day of the free models ends at midnight UTC, whatever else is told.
  if (message.includes("free-models-per-day")) return Math.ceil((DAY_MS - (nowMs % DAY_MS)) / 1000);
  const told = retryAfter === null ? (Number(resetAt) - nowMs) / 1000 : secondsOf(retryAfter, nowMs);
  return Number.isFinite(told) ? Math.min(Math.max(Math.ceil(told), RETRY_S), RETRY_MAX_S) : RETRY_S;
}

function secondsOf(retryAfter: string, nowMs: number): number {
  return /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - nowMs) / 1000;
}
