/** Names that can be guessed: whoever asks for too many that do not exist is made to wait. */
import { RateLimiterMemory } from "rate-limiter-flexible";
import { Fault } from "@tollbooth/shared/fault";
import { rateLimited } from "@tollbooth/shared/metrics";

/** Counts only what one caller asked for in vain: whoever guesses is stopped, whoever knows is not. */
export class Guesses {
  readonly #max: number;
  readonly #counts: RateLimiterMemory;

  constructor(max: number, windowS: number) {
    this.#max = max;
    this.#counts = new RateLimiterMemory({ points: max, duration: windowS });
  }

  /** Throws `rate_limited` where he has guessed wrong too often. */
  async check(key: string): Promise<void> {
    const standing = await this.#counts.get(key);
    if (standing === null || standing.consumedPoints < this.#max) return;
    rateLimited.inc({ limit: "guesses" });
    const retryAfterS = Math.max(1, Math.ceil(standing.msBeforeNext / 1000));
    throw new Fault("rate_limited", "too many codes that do not exist were asked for", { retryAfterS });
  }

  /** Counts a wrong guess. */
  async miss(key: string): Promise<void> {
    await this.#counts.consume(key).catch(() => {});
  }
}
