/** The SQL of prices: rows are only ever added, under the lock of the one row that counts the changes. */
import type { Tx } from "@tollbooth/shared/db";
import { PRICED_UNITS } from "@tollbooth/shared/contracts/prices";
import { decimal } from "@tollbooth/shared/money";
import { sql, table } from "@tollbooth/shared/sql";
import { z } from "zod";
import { groupBy } from "./group.ts";
import { Match } from "./match.ts";
import type { Price, Rate } from "./price.ts";

const ALL_DAY = { utc_from: 0, utc_to: 1440 };

const Version = z.object({ version: z.coerce.bigint() });

/** How often prices have changed. */
export async function readVersion(tx: Tx): Promise<bigint> {
  return (await tx.one(Version, sql`select version from catalogue`)).version;
}

/** The same, and no other transaction changes prices until this one ends. */
export async function lockVersion(tx: Tx): Promise<bigint> {
  return (await tx.one(Version, sql`select version from catalogue for update`)).version;
}

const Listed = z.object({ listed: z.string().nullable() });

/** The list that was taken over last; null before any was. */
export async function readListed(tx: Tx): Promise<string | null> {
  return (await tx.one(Listed, sql`select listed from catalogue`)).listed;
}

/** Notes the list that has been taken over. */
export async function noteListed(tx: Tx, list: string): Promise<void> {
  await tx.run(sql`update catalogue set listed = ${list}`);
}

const PriceRow = z.object({
  id: z.string(),
  service: z.string(),
  model: z.string(),
  match: Match.nullable(),
  position: z.number(),
  class: z.enum(["free", "budget", "standard", "premium"]).nullable(),
  text_only: z.boolean(),
  source: z.string(),
  // zod's number() takes no -Infinity.
  valid_from: z.custom<number>((value) => typeof value === "number"),
});

const RateRow = z.object({
  price_id: z.string(),
  unit: z.enum(PRICED_UNITS),
  above_tokens: z.coerce.number(),
  utc_from: z.number(),
  utc_to: z.number(),
  price: z.string().transform((text) => decimal(text)),
});

/** All prices there are. Rows before their rates: a price that is added in between is not seen without what it costs. */
export async function readPrices(tx: Tx): Promise<Price[]> {
  const rows = await tx.many(
    PriceRow,
    sql`select id, service, model, match, position, class, text_only, source, valid_from from prices`,
  );
  const rates = groupBy(
    await tx.many(RateRow, sql`select price_id, unit, above_tokens, utc_from, utc_to, price from price_rates`),
    (rate) => rate.price_id,
  );
  return rows.map(({ match, class: group, text_only, valid_from, ...row }) => ({
    ...row,
    ...(match !== null && { match }),
    ...(group !== null && { class: group }),
    textOnly: text_only,
    validFrom: valid_from,
    rates: (rates.get(row.id) ?? []).map(rateOfRow),
  }));
}

function rateOfRow({ unit, price, above_tokens, utc_from, utc_to }: z.output<typeof RateRow>): Rate {
  const allDay = utc_from === ALL_DAY.utc_from && utc_to === ALL_DAY.utc_to;
  return { unit, price, above: above_tokens, ...(!allDay && { window: { from: utc_from, to: utc_to } }) };
}

/** Adds prices and counts the change. */
export async function addPrices(tx: Tx, prices: readonly Price[]): Promise<void> {
  if (prices.length === 0) return;
  const rows = prices.map(({ id, service, model, match, position, class: group, textOnly, source, validFrom }) => ({
    id,
    service,
    model,
    match: match === undefined ? null : JSON.stringify(match),
    position,
    class: group ?? null,
    text_only: textOnly,
    source,
    valid_from: validFrom === -Infinity ? "-infinity" : new Date(validFrom),
  }));
  const columns = {
    id: "uuid",
    service: "text",
    model: "text",
    match: "jsonb",
    position: "int",
    class: "text",
    text_only: "boolean",
    source: "text",
    valid_from: "timestamptz",
  };
  await tx.run(
    sql`insert into prices (id, service, model, match, position, class, text_only, source, valid_from) select * from ${table(columns, rows)}`,
  );
  const rates = prices.flatMap(({ id, rates: all }) =>
    all.map(({ unit, price, above, window }) => ({
      price_id: id,
      unit,
      above_tokens: above,
      utc_from: window?.from ?? ALL_DAY.utc_from,
      utc_to: window?.to ?? ALL_DAY.utc_to,
      price: price.toFixed(),
    })),
  );
  const rateColumns = {
    price_id: "uuid",
    unit: "text",
    above_tokens: "bigint",
    utc_from: "smallint",
    utc_to: "smallint",
    price: "numeric",
  };
  await tx.run(
    sql`insert into price_rates (price_id, unit, above_tokens, utc_from, utc_to, price) select * from ${table(rateColumns, rates)}`,
  );
  await tx.run(sql`update catalogue set version = version + 1`);
}
