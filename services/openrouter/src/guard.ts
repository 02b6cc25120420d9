/**
 * Keeps OpenRouter's troubles with one key from becoming everybody's: so many requests at once a key, a pause after
 * failures in a row, and another attempt only of what was never sent. The platform's own key is one key among others.
 */
import {
  BrokenCircuitError,
  bulkhead,
  BulkheadRejectedError,
  circuitBreaker,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleWhen,
  retry,
  wrap,
  type BulkheadPolicy,
  type IPolicy,
} from "cockatiel";
import { Fault, type FaultCode } from "@tollbooth/shared/fault";
import { wasNotSent } from "./client.ts";

export interface GuardLimits {
  readonly atOnceMax: number;
  readonly failuresMax: number;
  readonly pauseMs: number;
}

const LIMITS: GuardLimits = { atOnceMax: 200, failuresMax: 8, pauseMs: 10_000 };
const ATTEMPTS_MORE = 2;
const BACKOFF_MS = { initialDelay: 100, maxDelay: 1_000 };
const KEYS_MAX = 10_000;

/** What says that OpenRouter is in trouble, and not that a request was bad. */
const TROUBLES: ReadonlySet<FaultCode> = new Set<FaultCode>(["unavailable", "timeout"]);

interface Guard {
  readonly room: BulkheadPolicy;
  readonly asking: IPolicy;
}

export class Guards {
  readonly #limits: GuardLimits;
  readonly #guards = new Map<string, Guard>();

  constructor(limits: GuardLimits = LIMITS) {
    this.#limits = limits;
  }

  /** Does the whole of a request with a key. Throws `rate_limited` where as many as may are under way. */
  async inRoom<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#of(key)
      .room.execute(work)
      .catch((error: unknown) => {
        if (!(error instanceof BulkheadRejectedError)) throw error;
        throw new Fault("rate_limited", `${this.#limits.atOnceMax} requests with this key are under way`, {
          retryAfterS: 1,
        });
      });
  }

  /** Asks OpenRouter with a key, and again where nothing was sent. Throws `unavailable` in the pause after failures. */
  async ask<T>(key: string, ask: () => Promise<T>): Promise<T> {
    return this.#of(key)
      .asking.execute(ask)
      .catch((cause: unknown) => {
        if (!(cause instanceof BrokenCircuitError)) throw cause;
        const retryAfterS = this.#limits.pauseMs / 1000;
        throw new Fault("unavailable", "OpenRouter has failed again and again; it is asked no more for a moment", {
          retryAfterS,
          cause,
        });
      });
  }

  #of(key: string): Guard {
    const known = this.#guards.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#guards.keys();
    if (oldest !== undefined && this.#guards.size >= KEYS_MAX) this.#guards.delete(oldest);
    const { atOnceMax, failuresMax, pauseMs } = this.#limits;
    const again = retry(handleWhen(wasNotSent), {
      maxAttempts: ATTEMPTS_MORE,
      backoff: new ExponentialBackoff(BACKOFF_MS),
    });
    const breaker = circuitBreaker(handleWhen(isTrouble), {
      halfOpenAfter: pauseMs,
      breaker: new ConsecutiveBreaker(failuresMax),
    });
    const guard = { room: bulkhead(atOnceMax), asking: wrap(breaker, again) };
    this.#guards.set(key, guard);
    return guard;
  }
}

function isTrouble(error: unknown): boolean {
  return error instanceof Fault && TROUBLES.has(error.code);
}
