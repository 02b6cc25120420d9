/** How long until a deduction is there for everybody: events of some users are followed from their publishing on. */
import { setTimeout as pause } from "node:timers/promises";
import type { Applied } from "./applied.ts";

/** Looking costs a little, and what is seen is at most so late. */
const LOOK_EVERY_MS = 4;

export class Lag {
  readonly #applied: Applied;
  readonly #userIds: readonly string[];
  /** When each event of a user was published that is not deducted yet, the oldest first. */
  readonly #open = new Map<string, number[]>();
  readonly #lags: { publishedMs: number; lagMs: number }[] = [];
  readonly #looking: Promise<void>;
  #isOpen = true;

  constructor(applied: Applied, userIds: readonly string[]) {
    this.#applied = applied;
    this.#userIds = userIds;
    for (const userId of userIds) this.#open.set(userId, []);
    this.#looking = this.#look();
  }

  /** Follows an event that is published now. One user's events are deducted in the order in which they were published. */
  published(userId: string): void {
    this.#open.get(userId)?.push(performance.now());
  }

  /** Ends the looking; answers the lags, in ms, of what was published from a moment on. */
  async close(fromMs: number): Promise<readonly number[]> {
    this.#isOpen = false;
    await this.#looking;
    return this.#lags.filter(({ publishedMs }) => publishedMs >= fromMs).map(({ lagMs }) => lagMs);
  }

  async #look(): Promise<void> {
    let before = await this.#applied.lastLines(this.#userIds);
    while (this.#isOpen) {
      await pause(LOOK_EVERY_MS);
      const now = await this.#applied.lastLines(this.#userIds);
      const seenMs = performance.now();
      for (const [userId, line] of now) {
        const fresh = this.#open.get(userId)?.splice(0, line - (before.get(userId) ?? 0)) ?? [];
        this.#lags.push(...fresh.map((publishedMs) => ({ publishedMs, lagMs: seenMs - publishedMs })));
      }
      before = now;
    }
  }
}
