/** Price rows as a table for people. */
import Table from "cli-table3";
import type { z } from "zod";
import type { listQuarantine, PriceRow } from "@tollbooth/shared/contracts/prices";

/** A row as it stands on the wire. */
export type Row = z.input<typeof PriceRow>;
/** A price that waits, as it stands on the wire. */
export type Waiting = z.input<typeof listQuarantine.output>[number];

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

/** The prices that are not believed, and why. */
export function quarantineTable(waiting: readonly Waiting[]): string {
  if (waiting.length === 0) return "No price waits.";
  const table = new Table({ head: ["service", "model", "source", "since", "why"], style: { head: [], border: [] } });
  for (const { service, model, source, seen_at, reason } of waiting)
    table.push([service, model ?? "(any other)", source, seen_at, reason]);
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
