/** All prices, found by service, model and moment. A value: a change of prices is a new catalogue. */
import { groupBy } from "./group.ts";
import { matches } from "./match.ts";
import type { Price } from "./price.ts";

const REMEMBERED_MAX = 10_000;

/** The rows of one model, latest first. */
type Versions = Price[];

interface Shelf {
  readonly named: Map<string, Versions>;
  readonly matched: Versions[];
  /** Which of `matched` a name belongs to. Names come from outside, so it is bounded. */
  readonly remembered: Map<string, Versions | undefined>;
}

export class Catalogue {
  /** Grows with every change of prices; 0 for none. */
  readonly version: bigint;
  readonly #shelves = new Map<string, Shelf>();
  readonly #rows: ReadonlyMap<string, Price>;

  constructor(version: bigint, prices: readonly Price[]) {
    this.version = version;
    this.#rows = new Map(prices.map((price) => [price.id, price]));
    for (const [service, rows] of groupBy(prices, (price) => price.service)) this.#shelves.set(service, shelve(rows));
  }

  /**
   * The price in force: of the model by its name, else of the first row whose clauses hold, else the one for whatever
   * model of the service has none.
   */
  readonly find = (service: string, model: string | undefined, at: number): Price | undefined => {
    const shelf = this.#shelves.get(service);
    if (shelf === undefined) return undefined;
    const name = model?.toLowerCase() ?? "";
    return (
      inForce(shelf.named.get(name), at) ??
      (name === "" ? undefined : (inForce(matching(shelf, name), at) ?? inForce(shelf.named.get(""), at)))
    );
  };

  /** The rows that a model may be priced by, whenever: its own, those whose clauses hold for it, and those for whatever has none. */
  history(service: string, model: string | undefined): readonly Price[] {
    const shelf = this.#shelves.get(service);
    const name = model?.toLowerCase() ?? "";
    if (shelf === undefined) return [];
    const others = name === "" ? [] : [...(matching(shelf, name) ?? []), ...(shelf.named.get("") ?? [])];
    return [...(shelf.named.get(name) ?? []), ...others].toSorted(byLatest);
  }

  /** The row of this id: rows are added and never changed, so it is what was in force. */
  row(id: string): Price | undefined {
    return this.#rows.get(id);
  }

  /** All rows of a name, latest first: those for clauses over names, or those for the name alone. */
  versions({ service, model, match }: Pick<Price, "service" | "model" | "match">): readonly Price[] {
    const shelf = this.#shelves.get(service);
    if (match === undefined) return shelf?.named.get(model.toLowerCase()) ?? [];
    return shelf?.matched.find(([latest]) => latest?.model === model) ?? [];
  }
}

function shelve(rows: readonly Price[]): Shelf {
  const latestFirst = rows.toSorted(byLatest);
  const named = groupBy(
    latestFirst.filter((price) => price.match === undefined),
    (price) => price.model.toLowerCase(),
  );
  const groups = [
    ...groupBy(
      latestFirst.filter((price) => price.match !== undefined),
      (price) => price.model,
    ).values(),
  ];
  return { named, matched: groups.toSorted((a, b) => positionOf(a) - positionOf(b)), remembered: new Map() };
}

function byLatest(a: Price, b: Price): number {
  if (a.validFrom === b.validFrom) return 0;
  return b.validFrom > a.validFrom ? 1 : -1;
}

function positionOf([latest]: Versions): number {
  return latest?.position ?? 0;
}

function matching(shelf: Shelf, name: string): Versions | undefined {
  if (!shelf.remembered.has(name)) {
    if (shelf.remembered.size >= REMEMBERED_MAX) shelf.remembered.clear();
    shelf.remembered.set(
      name,
      shelf.matched.find(([latest]) => latest?.match !== undefined && matches(latest.match, name)),
    );
  }
  return shelf.remembered.get(name);
}

/** Of the rows of one model, latest first, the one that holds at a moment. */
export function inForce(versions: readonly Price[] | undefined, at: number): Price | undefined {
  return versions?.find((price) => price.validFrom <= at);
}
