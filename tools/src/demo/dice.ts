/** Chance that can be repeated: the same seed throws the same numbers. */
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** The next number, from 0 up to but not 1. */
export type Dice = () => number;

/** Things and how often each is wanted, in relation to the others. */
export type Weighted<T> = readonly (readonly [thing: T, weight: number])[];

/** Dice that throw the same for the same seed, a whole number. */
export function diceOf(seed: number): Dice {
  const generator = xoroshiro128plus(seed);
  return () => uniformFloat64(generator);
}

/** One of the things, each as often as its weight says. Throws where there is none. */
export function pick<T>(dice: Dice, things: Weighted<T>): T {
  let left = dice() * things.reduce((total, [, weight]) => total + weight, 0);
  for (const [thing, weight] of things) {
    left -= weight;
    if (left < 0) return thing;
  }
  throw new Error("there is nothing to pick from");
}

/** How many independent things happen where `mean` do on average (Knuth's way: for small means). */
export function poisson(dice: Dice, mean: number): number {
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = dice(); product > limit; product *= dice()) count++;
  return count;
}
