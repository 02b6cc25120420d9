/** A provider's list becomes prices, as far as it is believed; what is not waits for an operator. */
import { Id } from "@tollbooth/shared/contract";
import { PriceSheet, type importPrices } from "@tollbooth/shared/contracts/prices";
import type { Db } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { parseInput } from "@tollbooth/shared/handler";
import { z } from "zod";
import { doubtOf, setNow } from "./price-change.ts";
import type { NewPrice, Price } from "./price.ts";
import type { Prices } from "./prices.ts";
import { findWaiting, quarantine, type Doubtful } from "./quarantine.store.ts";
import { newPrice } from "./sheet.ts";

export interface List {
  readonly service: string;
  readonly source: string;
  readonly listed: readonly unknown[];
}

type Sheet = Omit<NewPrice, "validFrom">;
type Refused = z.output<typeof importPrices.output>["refused"];

const PRICES = z.object({ model: Id.optional(), rates: z.array(z.object({ unit: z.string(), price: z.string() })) });

/** Takes a list over: only what changed becomes a row, from now on. */
export async function takeOver(
  db: Db,
  prices: Prices,
  { service, source, listed }: List,
  now: number,
): Promise<z.input<typeof importPrices.output>> {
  const { sheets, negative, refused } = read(service, source, listed);
  return db.tx(async (tx) => {
    const doubtful = new Map(negative);
    const added = await prices.change(tx, (catalogue) =>
      [...sheets].flatMap(([model, { price, sheet }]) => {
        const rows = setNow(price, catalogue, now);
        const reason = rows.length === 0 ? undefined : doubtOf(price, catalogue, now);
        if (reason === undefined) return rows;
        doubtful.set(model, { model, reason, sheet });
        return [];
      }),
    );
    const believed = [...sheets.keys()].filter((model) => !doubtful.has(model));
    await quarantine(tx, { service, source }, [...doubtful.values()], believed);
    const unchanged = believed.length - added.length;
    return { changed: added.length, unchanged, quarantined: doubtful.size, refused };
  });
}

/** Takes over what waits for a model, from now on. Throws `not_found`, and `invalid_request` where it is no price at all. */
export async function accept(
  db: Db,
  prices: Prices,
  { service, model = "" }: { readonly service: string; readonly model: string | undefined },
  now: number,
): Promise<Price> {
  const name = model.toLowerCase();
  return db.tx(async (tx) => {
    const waiting = await findWaiting(tx, service, name);
    if (waiting === undefined) throw new Fault("not_found", `no price of ${service} ${model} waits`);
    const price = newPrice(service, waiting.source, parseInput(PriceSheet, waiting.sheet));
    const [added] = await prices.change(tx, (catalogue) => setNow(price, catalogue, now));
    await quarantine(tx, waiting, [], [name]);
    return added ?? ((await prices.current(tx)).find(service, model, now) as Price);
  });
}

interface Read {
  /** By their models, in lower case. */
  readonly sheets: Map<string, { readonly price: Sheet; readonly sheet: unknown }>;
  readonly negative: Map<string, Doubtful>;
  readonly refused: Refused;
}

function read(service: string, source: string, listed: readonly unknown[]): Read {
  const sheets: Read["sheets"] = new Map();
  const negative: Read["negative"] = new Map();
  const refused: Refused = [];
  for (const [index, sheet] of listed.entries()) {
    const below = negativeIn(sheet);
    const price = below ?? readPrice(service, source, sheet);
    const model = price instanceof Fault ? "" : price.model.toLowerCase();
    if (price instanceof Fault) refused.push({ index, detail: price.message });
    else if (sheets.has(model) || negative.has(model))
      refused.push({ index, detail: "this model is in the list twice" });
    else if ("reason" in price) negative.set(model, { ...price, model, sheet });
    else sheets.set(model, { price, sheet });
  }
  return { sheets, negative, refused };
}

function negativeIn(sheet: unknown): Omit<Doubtful, "sheet"> | undefined {
  const { model = "", rates = [] } = PRICES.safeParse(sheet).data ?? {};
  const below = rates.find(({ price }) => price.startsWith("-"));
  return below && { model, reason: `${below.unit} is ${below.price}` };
}

function readPrice(service: string, source: string, sheet: unknown): Sheet | Fault {
  try {
    return newPrice(service, source, parseInput(PriceSheet, sheet));
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}
