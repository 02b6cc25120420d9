/** Places in an order, for orders that others number otherwise than from 0 to 255. */

/** The place of each thing by its number, from 0; things of one number share a place, and those without one come last. */
export function ranks<T>(things: readonly T[], numberOf: (thing: T) => number | null): (thing: T) => number {
  const numbers = things.map((thing) => numberOf(thing) ?? Infinity);
  const places = [...new Set(numbers)].toSorted((a, b) => (a === b ? 0 : a < b ? -1 : 1));
  return (thing) => places.indexOf(numberOf(thing) ?? Infinity);
}
