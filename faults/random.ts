/** Chance that can be had again: the same seed gives the same numbers. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, not including, 1 (mulberry32). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** From `min` to `max`, both included. */
  whole(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  chance(share: number): boolean {
    return this.fraction() < share;
  }

  /** One of a list. Throws on an empty one. */
  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error("there is nothing to pick from");
    return list[this.whole(0, list.length - 1)] as T;
  }

  /** The same in another order. */
  shuffled<T>(list: readonly T[]): T[] {
    const order = list.map((each) => ({ each, at: this.fraction() }));
    return order.toSorted((a, b) => a.at - b.at).map(({ each }) => each);
  }

  /** One that goes its own way from here: what it is used for does not disturb this one. */
  fork(): Random {
    return new Random(this.whole(0, 2 ** 32 - 1));
  }
}

/** FAULT_SEED, to run again what a test has printed; without it, another one every time. */
export const SEED = Number(process.env["FAULT_SEED"] || Math.floor(Math.random() * 1_000_000));
