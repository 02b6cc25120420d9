/** The exchanges that this process has in its hands: whoever asked takes his answer here, and nobody else. */
import { randomUUID } from "node:crypto";
import { TAKE_WAIT_MS } from "@tollbooth/shared/contracts/exchanges";
import { Fault } from "@tollbooth/shared/fault";
import type { Exchange, Part } from "./exchange.ts";
import type { RequestKey } from "./requests.store.ts";

interface Held {
  readonly exchange: Exchange;
  readonly userId: string;
}

/** Who has not asked for so long is gone, and could not say so. */
const IDLE_MAX_MS = 60_000;
/** When the process leaves, what is under way may end in this time. */
const CLOSE_WITHIN_MS = 1_500;

export class Exchanges {
  /** The last word of the subject at which this process is asked. */
  readonly process = randomUUID();
  readonly #held = new Map<string, Held>();
  readonly #running = new Map<Promise<void>, RequestKey>();
  readonly #closing = new AbortController();

  /** Keeps an exchange for its user; answers the id to take it by. */
  add(exchange: Exchange, userId: string): string {
    const id = randomUUID();
    this.#held.set(id, { exchange, userId });
    return id;
  }

  /** The next part. Throws `not_found` where there is no such exchange, or it is another user's. */
  async take(id: string, userId: string, isLeft: boolean): Promise<Part> {
    const held = this.#held.get(id);
    if (held === undefined || held.userId !== userId) throw new Fault("not_found", "there is no such exchange");
    if (isLeft) held.exchange.leave();
    try {
      const part = await held.exchange.take(TAKE_WAIT_MS);
      if (part.done) this.#held.delete(id);
      return part;
    } catch (error) {
      this.#held.delete(id);
      throw error;
    }
  }

  /** Follows the work on a request until it ends; it must not throw. */
  follow(request: RequestKey, work: Promise<void>): void {
    this.#running.set(work, request);
    void work.finally(() => this.#running.delete(work));
  }

  /** The requests that are under way. */
  inHand(): RequestKey[] {
    return [...this.#running.values()];
  }

  /** Leaves those that nobody takes any more. */
  forgetIdle(): void {
    for (const [id, { exchange }] of this.#held)
      if (exchange.idleMs > IDLE_MAX_MS) {
        exchange.leave();
        this.#held.delete(id);
      }
  }

  /** Aborts when what is under way has to end. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Lets what is under way end within a bound, then breaks it off: its bill is looked up by another process. */
  async close(): Promise<void> {
    const bound = setTimeout(() => this.#closing.abort(), CLOSE_WITHIN_MS);
    await Promise.all(this.#running.keys());
    clearTimeout(bound);
    for (const { exchange } of this.#held.values()) exchange.leave();
  }
}
