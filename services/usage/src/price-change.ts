/** Which rows a price list or an operator adds to the catalogue. What was charged before stays explained: no row is changed. */
import { inForce, type Catalogue } from "./catalogue.ts";
import { groupBy } from "./group.ts";
import type { NewPrice, Rate } from "./price.ts";

/** The source of prices that an operator has set by hand. */
export const OPERATOR = "admin";

/**
 * What a fresh list adds: models that are new as they are listed, with their past; changed ones from now on; start dates
 * still to come. A model whose price an operator has set is left alone.
 */
export function newlyListed(listed: readonly NewPrice[], catalogue: Catalogue, now: number): NewPrice[] {
  const groups = groupBy(listed, ({ service, model, match }) => `${service}\0${model}\0${match === undefined}`);
  return [...groups.values()].flatMap((versions) => {
    const first = versions[0] as NewPrice;
    const stored = catalogue.versions(first);
    if (stored.length === 0) return versions;
    const held = inForce(stored, now);
    if (held?.source !== first.source) return [];
    const wanted = versions.findLast((version) => version.validFrom <= now) ?? first;
    const coming = versions.filter(
      (version) => version.validFrom > now && !stored.some((row) => row.validFrom === version.validFrom),
    );
    return samePrice(wanted, held) ? coming : [{ ...wanted, validFrom: after(stored, now) }, ...coming];
  });
}

/**
 * The row that a price set now adds; none where that is the price already, or an operator's that no list may change. The first price of a model holds for the time before too: nothing was priced then.
 */
export function setNow(price: Omit<NewPrice, "validFrom">, catalogue: Catalogue, now: number): NewPrice[] {
  const held = catalogue.find(price.service, price.model === "" ? undefined : price.model, now);
  if (held === undefined) return [{ ...price, validFrom: -Infinity }];
  const operators = held.source === OPERATOR && price.source !== OPERATOR;
  return operators || samePrice(price, held) ? [] : [{ ...price, validFrom: after(catalogue.versions(price), now) }];
}

const DOUBTED_FROM = 10;

/**
 * Why a listed price is not believed: a unit that had a price of its own would cost more than ten times that. What cost
 * nothing may come to cost something: there is no tenfold of nothing.
 */
export function doubtOf(price: Omit<NewPrice, "validFrom">, catalogue: Catalogue, now: number): string | undefined {
  const held = inForce(catalogue.versions(price), now);
  for (const listed of price.rates) {
    const { unit, price: next } = listed;
    const before = held?.rates.find((rate) => areAlike(rate, listed))?.price;
    if (before !== undefined && !before.isZero() && next.gt(before.times(DOUBTED_FROM)))
      return `${unit} would rise from ${before.toFixed()} to ${next.toFixed()}`;
  }
  return undefined;
}

/** Now, but later than every row of the same name that holds already. */
function after(versions: readonly Pick<NewPrice, "validFrom">[], now: number): number {
  return Math.max(now, ...versions.filter((row) => row.validFrom <= now).map((row) => row.validFrom + 1));
}

type Terms = Pick<NewPrice, "class" | "textOnly" | "rates">;

function samePrice(a: Terms, b: Terms): boolean {
  if (a.class !== b.class || a.textOnly !== b.textOnly || a.rates.length !== b.rates.length) return false;
  return a.rates.every((rate) => b.rates.some((other) => areAlike(rate, other) && rate.price.eq(other.price)));
}

/** Whether two rates are of the same unit in the same case. */
function areAlike(a: Rate, b: Rate): boolean {
  return a.unit === b.unit && a.above === b.above && a.window?.from === b.window?.from && a.window?.to === b.window?.to;
}
