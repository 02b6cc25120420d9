/** Keeps a server running: what dies is started again, ever more slowly while it keeps dying, until it is stopped. */
import { setTimeout as pause } from "node:timers/promises";
import type { Daemon } from "@tollbooth/shared/local/daemon";

export interface Program {
  readonly name: string;
  /** Settles when the server answers. */
  start(): Promise<Daemon>;
}

/** Hears what happens, one sentence at a time. */
export type Tell = (sentence: string) => void;

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** One that ran this long was well: the next pause is a short one again. */
const WELL_AFTER_MS = 10_000;
/** So many quick ends in a row are told as a crash loop. */
const LOOP_AFTER = 5;

export class Supervised {
  readonly name: string;
  readonly #program: Program;
  readonly #tell: Tell;
  #daemon: Daemon | undefined;
  #isWanted = false;
  #quickEnds = 0;
  #watching: Promise<void> = Promise.resolve();
  #wake = new AbortController();

  constructor(program: Program, tell: Tell) {
    this.name = program.name;
    this.#program = program;
    this.#tell = tell;
  }

  /** The process that runs now; undefined while there is none. */
  get pid(): number | undefined {
    return this.#daemon?.pid;
  }

  /** How often in a row it ended soon after it had started. */
  get quickEnds(): number {
    return this.#quickEnds;
  }

  /** Starts it and keeps it running from then on. Throws where this first start fails, or is overtaken by a stop. */
  async start(): Promise<void> {
    this.#wake = new AbortController();
    this.#quickEnds = 0;
    this.#isWanted = true;
    const starting = this.#program.start();
    this.#watching = starting.then(
      async (daemon) => this.#watch(daemon),
      () => {},
    );
    await starting;
    if (!this.#isWanted) throw new Error(`${this.name} was stopped while it started`);
  }

  /** Sends the process a signal, such as SIGKILL; nothing where none runs. */
  kill(signal: NodeJS.Signals): void {
    this.#daemon?.kill(signal);
  }

  /** Ends it for good, in good order, by force after `withinMs`. Settles when no process is left. */
  async stop(withinMs?: number): Promise<void> {
    this.#isWanted = false;
    this.#wake.abort();
    await this.#daemon?.stop(withinMs);
    // Where a start was under way, the watch stops what came of it.
    await this.#watching;
  }

  async #watch(first: Daemon): Promise<void> {
    for (let daemon: Daemon | undefined = first; daemon !== undefined; daemon = await this.#again()) {
      if (!this.#isWanted) return daemon.stop();
      this.#daemon = daemon;
      const begin = performance.now();
      const how = await daemon.ended;
      this.#daemon = undefined;
      if (!this.#isWanted) return;
      this.#quickEnds = performance.now() - begin < WELL_AFTER_MS ? this.#quickEnds + 1 : 1;
      this.#tell(`${this.name} ended (${how}) and is started again.`);
    }
  }

  /** The next process, after a pause and as many tries as it takes; undefined where the end was wanted meanwhile. */
  async #again(): Promise<Daemon | undefined> {
    for (;;) {
      if (this.#quickEnds === LOOP_AFTER) this.#tell(`${this.name} keeps ending: this is a crash loop.`);
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (this.#quickEnds - 1), LONGEST_PAUSE_MS);
      await pause(pauseMs, undefined, { signal: this.#wake.signal }).catch(() => {});
      if (!this.#isWanted) return undefined;
      try {
        return await this.#program.start();
      } catch (error) {
        this.#quickEnds += 1;
        this.#tell(
          `${this.name} could not be started again: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
  }
}
