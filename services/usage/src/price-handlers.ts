/** What the usage service answers about prices: lists taken over, prices set and told, costs quoted and explained. */
import { printInstant } from "@tollbooth/shared/contract";
import { explainUsage } from "@tollbooth/shared/contracts/explain";
import {
  acceptPrice,
  getPrice,
  importPrices,
  listQuarantine,
  priceHistory,
  quoteCost,
  setPrice,
} from "@tollbooth/shared/contracts/prices";
import type { Db } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { handle, type Endpoint } from "@tollbooth/shared/handler";
import { print } from "@tollbooth/shared/money";
import type { z } from "zod";
import { costOf, type Cost } from "./cost.ts";
import { readEvent } from "./explain.store.ts";
import { OPERATOR, setNow } from "./price-change.ts";
import { accept, takeOver } from "./price-import.ts";
import type { Price } from "./price.ts";
import { readQuarantine } from "./quarantine.store.ts";
import type { RecordOptions } from "./record.ts";
import { newPrice, tellPrice } from "./sheet.ts";

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
    handle(importPrices, ({ service, source, prices: listed }) =>
      takeOver(db, prices, { service, source, listed }, now()),
    ),
    handle(listQuarantine, async () =>
      (await readQuarantine(db)).map((each) => ({
        ...each,
        model: each.model || null,
        seen_at: printInstant(each.seen_at),
      })),
    ),
    handle(acceptPrice, async ({ service, model }) => tellPrice(await accept(db, prices, { service, model }, now()))),
  ];
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
