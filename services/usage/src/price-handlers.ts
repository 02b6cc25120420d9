/** What the usage service answers about prices: lists taken over, prices set and told, costs quoted and explained. */
import { printInstant } from "@tollbooth/shared/contract";
import { explainUsage } from "@tollbooth/shared/contracts/explain";
import {
  getPrice,
  importPrices,
  priceHistory,
  PriceSheet,
  quoteCost,
  setPrice,
  type PriceRate,
  type PriceRow,
} from "@tollbooth/shared/contracts/prices";
import type { Db } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { handle, parseInput, type Endpoint } from "@tollbooth/shared/handler";
import { print } from "@tollbooth/shared/money";
import type { z } from "zod";
import { costOf, type Cost } from "./cost.ts";
import { readEvent } from "./explain.store.ts";
import { OPERATOR, setNow } from "./price-change.ts";
import type { NewPrice, Price, Rate } from "./price.ts";
import type { RecordOptions } from "./record.ts";

/** Lists and prices change the catalogue in transactions of their own; quotes and questions only read it. */
export function priceEndpoints(db: Db, options: RecordOptions): Endpoint[] {
  return [...questions(db, options), ...changes(db, options)];
}

function questions(db: Db, { prices, byokFee, now }: RecordOptions): Endpoint[] {
  return [
    handle(
      quoteCost,
      async ({ at, byok, service, model, cost, provider_cost: providerCost, is_free: isFree, ...counts }) => {
        const { find } = await prices.current(db);
        return tellCost(
          costOf(
            { service, model, counts, cost, providerCost, isFree, byok: byok ?? false, at: at ?? now() },
            find,
            byokFee,
          ),
        );
      },
    ),
    handle(getPrice, async ({ service, model, at }) => {
      const price = (await prices.current(db)).find(service, model, at ?? now());
      if (price === undefined)
        throw new Fault("not_found", `no price is known for ${model === undefined ? service : `${service} ${model}`}`);
      return tellPrice(price);
    }),
    handle(priceHistory, async ({ service, model, limit }) =>
      (await prices.current(db)).history(service, model).slice(0, limit).map(tellPrice),
    ),
    handle(explainUsage, async ({ user_id, id, occurred_at }, context) => {
      const found = await readEvent(db, context.onUser(user_id), id, occurred_at);
      if (found === undefined) throw new Fault("not_found", "there is no such event");
      const price = found.priceId === null ? undefined : (await prices.current(db)).row(found.priceId);
      return { ...found.event, price: price === undefined ? null : tellPrice(price) };
    }),
  ];
}

function changes(db: Db, { prices, now }: RecordOptions): Endpoint[] {
  return [
    handle(setPrice, async ({ service, ...sheet }) => {
      const price = newPrice(service, OPERATOR, sheet);
      const [added] = await db.tx((tx) => prices.change(tx, (catalogue) => setNow(price, catalogue, now())));
      return tellPrice(added ?? ((await prices.current(db)).find(service, sheet.model, now()) as Price));
    }),
    handle(importPrices, async ({ service, source, prices: listed }) => {
      const refused: { index: number; detail: string }[] = [];
      const sheets = new Map<string, Omit<NewPrice, "validFrom">>();
      for (const [index, item] of listed.entries()) {
        const price = readPrice(service, source, item);
        if (price instanceof Fault) refused.push({ index, detail: price.message });
        else if (sheets.has(price.model.toLowerCase()))
          refused.push({ index, detail: "this model is in the list twice" });
        else sheets.set(price.model.toLowerCase(), price);
      }
      const added = await db.tx((tx) =>
        prices.change(tx, (catalogue) => [...sheets.values()].flatMap((price) => setNow(price, catalogue, now()))),
      );
      return { changed: added.length, unchanged: sheets.size - added.length, refused };
    }),
  ];
}

type Sheet = z.output<typeof PriceSheet>;

function readPrice(service: string, source: string, item: unknown): Omit<NewPrice, "validFrom"> | Fault {
  try {
    return newPrice(service, source, parseInput(PriceSheet, item));
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

function newPrice(
  service: string,
  source: string,
  { model, class: group, text_only, rates }: Sheet,
): Omit<NewPrice, "validFrom"> {
  return {
    service,
    model: model ?? "",
    position: 0,
    ...(group !== undefined && { class: group }),
    textOnly: text_only ?? false,
    source,
    rates: rates.map(readRate),
  };
}

function readRate({ unit, price, above_tokens, utc_from, utc_to }: z.output<typeof PriceRate>): Rate {
  const windowed = utc_from !== undefined && utc_to !== undefined;
  return {
    unit,
    price,
    above: above_tokens ?? 0,
    ...(windowed && { window: { from: minuteOf(utc_from), to: minuteOf(utc_to) } }),
  };
}

function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

function timeOf(minute: number): string {
  return [Math.floor(minute / 60), minute % 60].map((n) => String(n).padStart(2, "0")).join(":");
}

function tellPrice({
  id,
  service,
  model,
  class: group,
  textOnly,
  source,
  validFrom,
  rates,
}: Price): z.input<typeof PriceRow> {
  return {
    id,
    service,
    model: model || null,
    class: group ?? null,
    text_only: textOnly,
    source,
    valid_from: validFrom === -Infinity ? null : printInstant(validFrom),
    rates: rates.map(({ unit, price, above, window }) => ({
      unit,
      price: price.toFixed(),
      ...(above > 0 && { above_tokens: above }),
      ...(window !== undefined && { utc_from: timeOf(window.from), utc_to: timeOf(window.to) }),
    })),
  };
}

function tellCost(cost: Cost): z.input<(typeof quoteCost)["output"]> {
  return {
    provider_cost: print(cost.providerCost),
    platform_markup: print(cost.platformMarkup),
    total_cost: print(cost.totalCost),
    charged: print(cost.charged),
    is_free: cost.isFree,
    free_value: print(cost.freeValue),
    markup_class: cost.class,
    markup_rate: cost.rate.toFixed(),
    split_assumed: cost.split.assumed,
    lines: cost.lines.map(({ unit, quantity, price }) => ({
      unit,
      quantity: quantity.toFixed(),
      price: price.toFixed(),
    })),
    price_id: cost.price?.id ?? null,
  };
}
