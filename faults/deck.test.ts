/** How harms are dealt. */
import { expect, test } from "vitest";
import { Deck } from "./deck.ts";
import { HARMS } from "./harms.ts";
import { Random } from "./random.ts";

const kinds = new Set(HARMS.map(({ kind }) => kind));
const namesOf = (seed: number, waves: number) => {
  const [random, deck] = [new Random(seed), new Deck(HARMS, new Random(seed))];
  return Array.from({ length: waves }, () => deck.deal(random.whole(1, 3)).map(({ name }) => name));
};

test("a seed deals the same harms in the same waves, and another seed others", () => {
  expect(namesOf(7, 50)).toEqual(namesOf(7, 50));
  expect(namesOf(7, 50)).not.toEqual(namesOf(8, 50));
});

test("each kind comes up before any comes up again, and no wave harms one thing twice", () => {
  const deck = new Deck(HARMS, new Random(7));
  const times = new Map([...kinds].map((kind) => [kind, 0]));
  while (Math.max(...times.values()) < 3) {
    const wave = deck.deal(3);
    expect(new Set(wave.map(({ on }) => on)).size).toBe(wave.length);
    for (const { kind } of wave) {
      times.set(kind, (times.get(kind) ?? 0) + 1);
      expect(Math.max(...times.values()) - Math.min(...times.values())).toBeLessThanOrEqual(1);
    }
  }
  expect(new Set(times.keys())).toEqual(kinds);
});
