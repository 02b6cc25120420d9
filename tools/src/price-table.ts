/** Price rows as a table for people. */
import Table from "cli-table3";
import type { z } from "zod";
import type { PriceRow } from "@tollbooth/shared/contracts/prices";

/** A row as it stands on the wire. */
export type Row = z.input<typeof PriceRow>;

const HEAD = ["model", "since", "source", "class", "unit", "USD for one", "holds"];

/** The rows, each with its rates below each other. */
export function pricesTable(rows: readonly Row[]): string {
  const table = new Table({ head: HEAD, style: { head: [], border: [] } });
  for (const row of rows) {
    const rates = [row.rates.map(({ unit }) => unit), row.rates.map(({ price }) => price), row.rates.map(holds)];
    table.push([
      row.model ?? "(any other)",
      row.valid_from ?? "always",
      row.source,
      classOf(row),
      ...rates.map((column) => column.join("\n")),
    ]);
  }
  return table.toString();
}

function classOf({ class: group, text_only: textOnly }: Row): string {
  return [group ?? "by its price", ...(textOnly ? ["text only"] : [])].join(", ");
}

function holds({ above_tokens: above, utc_from: from, utc_to: to }: Row["rates"][number]): string {
  const when = [
    ...(above === undefined ? [] : [`above ${above} tokens`]),
    ...(from === undefined ? [] : [`${from} to ${to} UTC`]),
  ];
  return when.length === 0 ? "always" : when.join(", ");
}
