/** Names that can be guessed: who asks for too many that do not exist is made to wait. Admins know them all. */
import { RateLimiterMemory } from "rate-limiter-flexible";
import { Fault } from "@tollbooth/shared/fault";
import { rateLimited } from "@tollbooth/shared/metrics";

/** Counts only what one caller asked for in vain: whoever guesses is stopped, whoever knows is not. */
export class Guesses {
  readonly #max: number;
  readonly #counts: RateLimiterMemory;
  /** What is asked and not answered yet, by caller: any of it may turn out to be wrong. */
  readonly #asking = new Map<string, Set<Promise<unknown>>>();

  constructor(max: number, windowS: number) {
    this.#max = max;
    this.#counts = new RateLimiterMemory({ points: max, duration: windowS });
  }

  /**
   * Asks for a name, and counts it where it does not exist. No more are asked for at once than there are wrong guesses left:
   * the others wait for an answer. Throws `rate_limited` where he has guessed wrong too often.
   */
  async ask<T>(caller: string, look: () => Promise<T>): Promise<T> {
    for (;;) {
      const standing = await this.#counts.get(caller);
      const wrong = standing?.consumedPoints ?? 0;
      if (wrong >= this.#max) throw tooMany(standing?.msBeforeNext ?? 0);
      const asking = this.#asking.get(caller) ?? new Set();
      if (wrong + asking.size < this.#max) return this.#counted(caller, asking, look);
      await Promise.race(asking);
    }
  }

  async #counted<T>(caller: string, asking: Set<Promise<unknown>>, look: () => Promise<T>): Promise<T> {
    const answer = look();
    const counted = answer.catch(async (fault: unknown) => {
      // Counted before it is no longer asked for: who looks in between sees it at least once.
      if (Fault.from(fault).code === "not_found") await this.#counts.consume(caller).catch(() => {});
    });
    this.#asking.set(caller, asking.add(counted));
    await counted;
    asking.delete(counted);
    if (asking.size === 0) this.#asking.delete(caller);
    return answer;
  }
}

function tooMany(msBeforeNext: number): Fault {
  rateLimited.inc({ limit: "guesses" });
  const retryAfterS = Math.max(1, Math.ceil(msBeforeNext / 1000));
  return new Fault("rate_limited", "too many codes that do not exist were asked for", { retryAfterS });
}
