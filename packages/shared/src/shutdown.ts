/** What is opened is closed in reverse order, once, on SIGTERM or SIGINT, within a bound. */
import type { Log } from "./log.ts";

const CLOSE_WITHIN_MS = 8_000;

export class Shutdown {
  readonly #closers: { name: string; close: () => Promise<void> }[] = [];
  readonly #log: Log;
  #closing: Promise<void> | undefined;

  /** Closes on SIGTERM and SIGINT, and ends the process with 0 when all closed in time, else with 1. */
  constructor(log: Log) {
    this.#log = log;
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void this.end(0, signal));
    // A promise nobody waited for is a bug; going on with unknown state would be worse than a restart.
    process.on("unhandledRejection", (reason) => this.fail("unhandled rejection", reason));
    process.on("uncaughtException", (error) => this.fail("uncaught exception", error));
  }

  /** Registers what `close` undoes; gives the thing back. */
  add<T>(name: string, thing: T, close: (thing: T) => Promise<void> | void): T {
    this.#closers.push({ name, close: async () => close(thing) });
    return thing;
  }

  /** Ends the process because it cannot go on; its supervisor starts it again. */
  fail(why: string, cause: unknown): void {
    this.#log.fatal({ err: cause }, why);
    void this.end(1, why);
  }

  end(code: number, why: string): Promise<void> {
    this.#closing ??= this.#close(code, why);
    return this.#closing;
  }

  async #close(code: number, why: string): Promise<void> {
    this.#log.info({ why }, "closing");
    setTimeout(() => process.exit(1), CLOSE_WITHIN_MS).unref();
    for (const { name, close } of this.#closers.toReversed()) {
      await close().catch((error: unknown) => this.#log.error({ err: error, name }, "could not close"));
    }
    process.exit(code);
  }
}
