/**
 * Work that goes on for ever: a round, a pause, the next round. An error is logged and waited out; a round that does not
 * end ends the process, because a loop that hangs is a silent stall and a supervisor can start us again.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "./log.ts";

export interface LoopOptions {
  readonly name: string;
  readonly log: Log;
  /** One round. It should end soon after `signal` is aborted. */
  readonly round: (signal: AbortSignal) => Promise<void>;
  /** Pause between rounds, unless woken. */
  readonly pauseMs: number;
  /** A round may take this long; after that `onStall` is called. */
  readonly stallMs: number;
  readonly onStall: (name: string) => void;
}

const ERROR_PAUSE_MS = 500;

export class Loop {
  readonly #options: LoopOptions;
  readonly #closing = new AbortController();
  readonly #done: Promise<void>;
  #wake: AbortController = new AbortController();

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  /** Ends the present pause, or makes the next one empty. */
  wake(): void {
    this.#wake.abort();
  }

  /** Resolves when the round in hand has ended. */
  close(): Promise<void> {
    this.#closing.abort();
    this.#wake.abort();
    return this.#done;
  }

  async #run(): Promise<void> {
    const { name, log, round, pauseMs, stallMs, onStall } = this.#options;
    while (!this.#closing.signal.aborted) {
      // A wake during the round is for what the round may not have seen, so it starts the next one at once.
      this.#wake = new AbortController();
      const watchdog = setTimeout(() => onStall(name), stallMs);
      try {
        await round(this.#closing.signal);
        clearTimeout(watchdog);
        await this.#pause(pauseMs, this.#wake.signal);
      } catch (error) {
        clearTimeout(watchdog);
        log.warn({ err: error, loop: name }, "a round failed; trying again");
        // Nobody wakes it from this pause: what failed will most likely fail again just now. Jittered, so that replicas
        // that failed together do not come back together.
        await this.#pause(Math.max(pauseMs, ERROR_PAUSE_MS * (0.5 + Math.random())), this.#closing.signal);
      }
    }
  }

  async #pause(ms: number, until: AbortSignal): Promise<void> {
    if (!this.#closing.signal.aborted) await delay(ms, undefined, { signal: until }).catch(() => {});
  }
}
