/** Work that has begun and not ended, with a limit on how much of it there should be. */
export class InHand {
  readonly #work = new Set<Promise<unknown>>();
  readonly #max: number;
  #onEnded: (() => void) | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  /** Counts it until it ends. */
  hold<T>(work: Promise<T>): Promise<T> {
    const held = work.finally(() => {
      this.#work.delete(held);
      this.#onEnded?.();
    });
    this.#work.add(held);
    return held;
  }

  /** How much of it there is. */
  get count(): number {
    return this.#work.size;
  }

  /** Whether there is as much of it as there should be. */
  get isFull(): boolean {
    return this.#work.size >= this.#max;
  }

  /** Whether there is room for more. Where there is none it answers as soon as something ends. */
  async hasRoom(): Promise<boolean> {
    if (this.isFull) await new Promise<void>((resolve) => (this.#onEnded = resolve));
    return !this.isFull;
  }

  /** Resolves when all of it has ended. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#work);
  }
}
