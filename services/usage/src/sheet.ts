/** Prices as contracts write them, and as the catalogue keeps them. Pure. */
import { printInstant } from "@tollbooth/shared/contract";
import type { PriceRate, PriceRow, PriceSheet } from "@tollbooth/shared/contracts/prices";
import type { z } from "zod";
import type { NewPrice, Price, Rate } from "./price.ts";

/** The price of a sheet, whenever it holds. */
export function newPrice(
  service: string,
  source: string,
  { model, class: group, text_only, rates }: z.output<typeof PriceSheet>,
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

/** A price row as it is told. */
export function tellPrice({
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
