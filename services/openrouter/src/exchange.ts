/**
 * An answer on its way from OpenRouter to who asked: what has come and was not taken yet. It is bounded: where nobody takes,
 * OpenRouter is read no further. Where nobody will take any more, what comes is thrown away, so that the rest can be read
 * to its end, where the bill is.
 */
import type { Fault } from "@tollbooth/shared/fault";

/** What is told before the answer's first part. */
export interface Head {
  readonly isStream: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Part {
  /** With the first part that is taken after it was known. */
  readonly head: Head | undefined;
  readonly text: string;
  readonly done: boolean;
}

/** More than this waits only where a whole answer came in one piece. */
const WAITING_MAX_CHARACTERS = 256 * 1024;
/** What fits into a message, however many of its characters have to be escaped. */
const PART_MAX_CHARACTERS = 1024 * 1024;

export class Exchange {
  #head: Head | undefined;
  #text = "";
  #end: "open" | "done" | Fault = "open";
  #isLeft = false;
  #lastTakenMs = performance.now();
  readonly #leaving = new AbortController();
  /** Whoever waits for a change of any kind. */
  #waiting: (() => void)[] = [];

  /** Says what comes before the parts. */
  begin(head: Head): void {
    this.#head = head;
    this.#changed();
  }

  /** Brings a text; settles when there is room for the next. */
  async push(text: string): Promise<void> {
    if (this.#isLeft) return;
    this.#text += text;
    this.#changed();
    while (!this.#isLeft && this.#text.length > WAITING_MAX_CHARACTERS) await this.#change();
  }

  /** All has come; or why it will not. */
  end(how: "done" | Fault): void {
    this.#end = how;
    this.#changed();
  }

  /** The next part, as soon as there is one; an empty one after so long without. Throws the fault that ended it. */
  async take(waitMs: number): Promise<Part> {
    this.#lastTakenMs = Infinity;
    const timer = setTimeout(() => this.#changed(), waitMs);
    if (this.#end === "open" && this.#text === "" && !this.#isLeft) await this.#change();
    clearTimeout(timer);
    this.#lastTakenMs = performance.now();
    const text = firstOf(this.#text);
    if (text === "" && typeof this.#end === "object") throw this.#end;
    this.#text = this.#text.slice(text.length);
    const head = this.#head;
    this.#head = undefined;
    this.#changed();
    return { head, text, done: this.#isLeft || (this.#end === "done" && this.#text === "") };
  }

  /** Nobody will take any more. */
  leave(): void {
    this.#isLeft = true;
    this.#text = "";
    this.#leaving.abort();
    this.#changed();
  }

  /** Aborts when it is left. */
  get left(): AbortSignal {
    return this.#leaving.signal;
  }

  /** How long nobody has taken anything, in milliseconds; 0 while somebody waits. */
  get idleMs(): number {
    return Math.max(0, performance.now() - this.#lastTakenMs);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** As much as a part may have, and no half of a pair at its end. */
function firstOf(text: string): string {
  const part = text.slice(0, PART_MAX_CHARACTERS);
  return part.length < text.length && /[\uD800-\uDBFF]$/.test(part) ? part.slice(0, -1) : part;
}
