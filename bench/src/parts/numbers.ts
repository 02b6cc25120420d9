/** What many measurements say together. */

/** The middle one; of an even number the upper of the two in the middle. */
export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}

/** The number that a share of them is not above: 0 is the least, 1 the greatest. NaN of none. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)] ?? NaN;
}

/** With so many places, for people. */
export function rounded(number: number, places = 0): number {
  return Number(number.toFixed(places));
}
