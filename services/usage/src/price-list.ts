/** The prices a fresh database starts from: the public list of @pydantic/genai-prices, and the platform's own services. */
import { decimal, type Money } from "@tollbooth/shared/money";
import type { PricedUnit } from "@tollbooth/shared/contracts/prices";
import type { ConditionalPrice, ModelInfo, ModelPrice, Provider } from "@pydantic/genai-prices";
import { groupBy } from "./group.ts";
import { Match } from "./match.ts";
import type { NewPrice, Rate, Window } from "./price.ts";

/**
 * The sum (SHA-256) of all that this file makes of the bundled list: where it was taken over before, nobody has to look at it
 * again. A test says what it is now, when the list or its reading has changed.
 */
export const LIST = "b2e4e996c3d5b423eda3229b6ae918744c5f0c77c308fd1ef09c69a2ee34975a";

/** How the list names its units, and of how many of ours each is. What is not here cannot be reported, so it is not priced. */
const UNITS: Readonly<Record<string, readonly [unit: PricedUnit, per: number]>> = {
  input_mtok: ["input_token", 1_000_000],
  output_mtok: ["output_token", 1_000_000],
  cache_read_mtok: ["cached_token", 1_000_000],
  cache_write_mtok: ["cache_write_token", 1_000_000],
  output_reasoning_mtok: ["reasoning_token", 1_000_000],
  input_image_mtok: ["image_input_token", 1_000_000],
  cache_image_read_mtok: ["image_cached_token", 1_000_000],
  output_image_mtok: ["image_output_token", 1_000_000],
  input_audio_mtok: ["audio_input_token", 1_000_000],
  cache_audio_read_mtok: ["audio_cached_token", 1_000_000],
  output_audio_mtok: ["audio_output_token", 1_000_000],
  requests_kcount: ["request_fee", 1000],
  audio_hours: ["second", 3600],
};

const PRICE_PLACES = 24;

/** The list's rows as prices of the service named like the provider; those of its fallback providers follow its own. */
export function listedPrices(providers: readonly Provider[]): NewPrice[] {
  return providers.flatMap((provider) => {
    const fallbacks = (provider.fallback_model_providers ?? []).flatMap(
      (id) => providers.find((other) => other.id === id)?.models ?? [],
    );
    const seen = new Set<string>();
    return [...provider.models, ...fallbacks].flatMap((model, i) => {
      if (seen.has(model.id)) return [];
      seen.add(model.id);
      return modelPrices(provider.id, model, i + 1);
    });
  });
}

function modelPrices(service: string, model: ModelInfo, position: number): NewPrice[] {
  const match = Match.parse(model.match);
  return versions(model.prices)
    .filter((version) => version.rates.length > 0)
    .map((version) => ({
      ...version,
      service,
      model: model.id,
      match,
      position,
      textOnly: false,
      source: "genai-prices",
    }));
}

/** A start date begins a new version; a time of day is a window of the version it follows. */
function versions(prices: ConditionalPrice[] | ModelPrice): { validFrom: number; rates: Rate[] }[] {
  const listed: ConditionalPrice[] = isConditional(prices) ? prices : [{ prices }];
  const found: { validFrom: number; rates: Rate[] }[] = [];
  for (const { constraint, prices: unitPrices } of listed) {
    if (constraint?.type === "time_of_date") {
      found
        .at(-1)
        ?.rates.push(
          ...rates(unitPrices, { from: minuteOf(constraint.start_time), to: minuteOf(constraint.end_time) }),
        );
    } else {
      found.push({
        validFrom: constraint === undefined ? -Infinity : Date.parse(constraint.start_date),
        rates: rates(unitPrices),
      });
    }
  }
  return found;
}

function isConditional(prices: ConditionalPrice[] | ModelPrice): prices is ConditionalPrice[] {
  return Array.isArray(prices);
}

function rates(prices: ModelPrice, window?: Window): Rate[] {
  return Object.entries(prices).flatMap(([key, value]) => {
    const known = UNITS[key];
    if (known === undefined || value === undefined) return [];
    const [unit, per] = known;
    const steps =
      typeof value === "number" ? [{ start: 0, price: value }] : [{ start: 0, price: value.base }, ...value.tiers];
    return steps.map(({ start, price }) => ({
      unit,
      price: exactly(price).div(per).toDecimalPlaces(PRICE_PLACES),
      above: start,
      ...(window && { window }),
    }));
  });
}

/** The decimal that the list's author wrote: the shortest text of the number. */
function exactly(price: number): Money {
  return decimal(String(price));
}

function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
}

// prettier-ignore
const PLATFORM: readonly (readonly [service: string, unit: PricedUnit, price: string])[] = [
  ["embedding",   "input_token",  "0.00000002"],
  ["tts",         "character",    "0.000015"],
  ["stt",         "second",       "0.0001"],
  ["center-deep", "query",        "0.005"],
  ["reranker",    "query",        "0.002"],
  ["brigade",     "input_token",  "0.000001"],
  ["brigade",     "output_token", "0.000004"],
  ["brigade",     "request",      "0.01"],
];

/** The platform's own services: one price each, whatever the model. */
export function platformPrices(): NewPrice[] {
  return [...groupBy(PLATFORM, ([service]) => service)].map(([service, rows]) => ({
    service,
    model: "",
    position: 0,
    textOnly: false,
    source: "platform",
    validFrom: -Infinity,
    rates: rows.map(([, unit, price]) => ({ unit, price: decimal(price), above: 0 })),
  }));
}
