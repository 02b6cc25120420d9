/** Deals harms by chance, so that each kind comes up once before any comes up again, and so does each harm of a kind. */
import type { Harm } from "./harms.ts";
import type { Random } from "./random.ts";

export class Deck {
  readonly #random: Random;
  readonly #kinds: ReadonlyMap<string, readonly Harm[]>;
  /** What is still to come, of the kinds and of each kind. */
  #next: string[] = [];
  readonly #left = new Map<string, Harm[]>();

  constructor(harms: readonly Harm[], random: Random) {
    this.#random = random;
    const kinds = [...new Set(harms.map(({ kind }) => kind))];
    this.#kinds = new Map(kinds.map((kind) => [kind, harms.filter((harm) => harm.kind === kind)]));
  }

  /** So many harms, of which no two harm the same thing; fewer where there are no more such. */
  deal(count: number): Harm[] {
    const dealt: Harm[] = [];
    while (dealt.length < count) {
      if (this.#next.length === 0) this.#next = this.#random.shuffled([...this.#kinds.keys()]);
      const at = this.#next.findIndex((kind) => dealt.every(({ on }) => on !== this.#top(kind).on));
      const [kind] = at < 0 ? [] : this.#next.splice(at, 1);
      if (kind === undefined) return dealt;
      dealt.push(this.#top(kind));
      this.#left.get(kind)?.pop();
    }
    return dealt;
  }

  /** The harm of a kind that comes next. */
  #top(kind: string): Harm {
    let left = this.#left.get(kind);
    if (left === undefined || left.length === 0) {
      left = this.#random.shuffled(this.#kinds.get(kind) ?? []);
      this.#left.set(kind, left);
    }
    return left.at(-1) as Harm;
  }
}
