/** A line of the journal, explained in words and numbers that add up. */
import type { z } from "zod";
import type { explainTransaction } from "@tollbooth/shared/contracts/credits";
import { decimal } from "@tollbooth/shared/money";

type Line = z.input<(typeof explainTransaction)["output"]>;
type Usage = NonNullable<Line["usage"]>;

const LABEL_WIDTH = 14;

/** The explanation as lines of text, from the amount down to the price row. */
export function explanation(line: Line): string {
  const facts: (readonly [string, string])[] = [
    ["line", `${line.seq} of ${line.user_id}, ${line.transaction_type}, ${line.created_at}`],
    ["amount", `${short(line.amount)}, and the balance is ${short(line.balance_after)}`],
    ["with", line.counterparty],
    ["by", `${line.actor.sub} (${line.actor.role})`],
    ...(line.reason === null ? [] : [["because", line.reason] as const]),
    ...(line.refunds === null ? [] : [["gives back", line.refunds] as const]),
    ...line.draws.map((draw) => [draw.lot === "debt" ? "debt" : `lot ${draw.lot}`, drawText(draw)] as const),
    ...(line.hold === null
      ? []
      : [["hold", `${line.hold.hold_id} of ${short(line.hold.amount)}, ${line.hold.state}`] as const]),
    ...(line.usage === null ? [] : usageFacts(line.usage)),
    ["key", line.key ?? "none"],
    ["trace", line.trace_id ?? "none"],
    ["hash", line.hash],
  ];
  return facts.map(([label, text]) => `${label.padEnd(LABEL_WIDTH)}${text}`).join("\n");
}

function drawText({ kind, granted, amount }: Line["draws"][number]): string {
  if (granted === null) return `${short(amount)}: what was not there is owed`;
  return `${short(amount)} (${kind}, granted ${short(granted)})`;
}

function usageFacts(usage: Usage): (readonly [string, string])[] {
  return [
    [
      "usage",
      `${usage.service} ${usage.model ?? ""} at ${usage.occurred_at}, event ${usage.event_id} of ${usage.source}`,
    ],
    ["quantities", quantities(usage)],
    ...priceFacts(usage),
    [
      "provider cost",
      `${short(usage.provider_cost)}, from ${usage.basis === "price" ? "the price" : `the ${usage.basis} reported`}`,
    ],
    ["markup", `${short(usage.platform_markup)}, class ${usage.markup_class} at ${percent(usage.markup_rate)} %`],
    [
      "total",
      `${short(usage.total_cost)}, of which charged ${short(usage.charged)}${usage.byok ? " (the user's own key paid)" : ""}`,
    ],
  ];
}

function priceFacts({ price }: Usage): (readonly [string, string])[] {
  if (price === null) return [];
  const since = price.valid_from === null ? "always" : `since ${price.valid_from}`;
  const rates = price.rates.map(({ unit, price: each, above_tokens: above, utc_from, utc_to }) => {
    const when = [
      ...(above === undefined ? [] : [`above ${above} tokens`]),
      ...(utc_from === undefined ? [] : [`${utc_from} to ${utc_to} UTC`]),
    ];
    return `${each} a ${unit}${when.length === 0 ? "" : ` (${when.join(", ")})`}`;
  });
  return [["price row", `${price.id} (${price.source}, ${since})`], ...rates.map((rate) => ["", rate] as const)];
}

function quantities(usage: Usage): string {
  const named = [
    ["input", usage.input_tokens],
    ["cached", usage.cached_tokens],
    ["cache write", usage.cache_write_tokens],
    ["output", usage.output_tokens],
    ["reasoning", usage.reasoning_tokens],
  ] as const;
  const tokens = named.filter(([, count]) => count > 0).map(([kind, count]) => `${count} ${kind}`);
  const counted = usage.quantity === null ? [] : [`${short(usage.quantity)} ${usage.unit}`];
  const split = usage.split_assumed ? " (only the total was reported: half and half is assumed)" : "";
  return `${[...tokens, ...counted].join(", ") || "none"}${split}`;
}

/** Without the zeros at the end that only the wire needs. */
function short(amount: string): string {
  return decimal(amount).toFixed();
}

function percent(rate: string): string {
  return decimal(rate).times(100).toFixed();
}
