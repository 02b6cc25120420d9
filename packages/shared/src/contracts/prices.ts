/** What things cost: usage owns the only catalogue; others hand price lists over to it and ask it for quotes. */
import { z } from "zod";
import { command, Count, Id, Instant, Moment } from "../contract.ts";
import { MoneyText, PriceText } from "../money.ts";
import { ONE_COST, oneCost, Tokens, UNIT_COUNTS, unitCounts, UNITS, Use } from "./usage.ts";

const Whole = z.number().int();

/** What a price may be for: one token of a kind, or one of what a `quantity` counts. */
export const PRICED_UNITS = [
  "input_token",
  "output_token",
  "cached_token",
  "cache_write_token",
  "reasoning_token",
  "image_input_token",
  "image_cached_token",
  "image_output_token",
  "audio_input_token",
  "audio_cached_token",
  "audio_output_token",
  /** Once for each event, beside its tokens. */
  "request_fee",
  ...UNITS,
] as const;
export type PricedUnit = (typeof PRICED_UNITS)[number];

export const MARKUP_CLASSES = ["free", "budget", "standard", "premium"] as const;
const TimeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "a time of the UTC day, such as 16:30");

export const PriceRate = z
  .strictObject({
    unit: z.enum(PRICED_UNITS),
    price: PriceText,
    above_tokens: Tokens.optional().describe("Holds for prompts of strictly more tokens, output included."),
    utc_from: TimeOfDay.optional().describe(
      "Holds from this time of the UTC day up to the other, over midnight where it ends before it starts.",
    ),
    utc_to: TimeOfDay.optional(),
  })
  .refine((rate) => (rate.utc_from === undefined) === (rate.utc_to === undefined), {
    path: ["utc_to"],
    message: "utc_from and utc_to go together",
  })
  .refine((rate) => rate.utc_from === undefined || rate.utc_from !== rate.utc_to, {
    path: ["utc_to"],
    message: "a time of day ends at another time than it starts",
  });

const rateKey = (rate: z.output<typeof PriceRate>) => `${rate.unit} ${rate.above_tokens ?? 0} ${rate.utc_from ?? ""}`;

/** What one model costs. */
const Sheet = {
  model: Id.optional().describe("Without it, whatever model of the service has no price of its own."),
  class: z.enum(MARKUP_CLASSES).optional().describe("Names the markup class where the prompt price does not."),
  text_only: z.boolean().optional().describe("The model gives nothing but text: only then do prices of 0 mean free."),
  rates: z
    .array(PriceRate)
    .min(1)
    .max(100)
    .refine((rates) => new Set(rates.map(rateKey)).size === rates.length, "two rates for one unit, length and time"),
};
export const PriceSheet = z.strictObject(Sheet).meta({ id: "PriceSheet" });

export const PriceRow = z
  .object({
    id: z.uuid(),
    service: z.string(),
    model: z.string().nullable(),
    class: z.enum(MARKUP_CLASSES).nullable(),
    text_only: z.boolean(),
    source: z.string(),
    valid_from: Moment.nullable().describe("Null: it always held, until the next one."),
    rates: z.array(PriceRate),
  })
  .meta({ id: "PriceRow" });

export const importPrices = command({
  subject: "usage.prices.import",
  summary: "Takes over a provider's price list; what did not change stays, a bad price is refused or waits by itself",
  access: ["service"],
  input: z.strictObject({ service: Id, source: Id, prices: z.array(z.unknown().meta({ wire: PriceSheet })).max(5000) }),
  output: z.object({
    changed: Whole,
    unchanged: Whole,
    quarantined: Whole.describe("Prices that wait for an operator: negative ones, and what rises more than tenfold."),
    refused: z.array(z.object({ index: Whole, detail: z.string() })),
  }),
  faults: [],
});

export const setPrice = command({
  subject: "usage.prices.set",
  summary: "Sets the price of a model from now on; the first price of a model also holds for the time before",
  access: ["admin"],
  input: z.strictObject({ service: Id, ...Sheet }),
  output: PriceRow,
  faults: [],
});

export const listQuarantine = command({
  subject: "usage.prices.quarantine",
  summary: "Listed prices that are not believed until an operator accepts them, or a list has others",
  access: ["admin"],
  input: z.strictObject({}),
  output: z.array(
    z.object({
      service: z.string(),
      model: z.string().nullable(),
      source: z.string(),
      reason: z.string(),
      seen_at: Moment.describe("When a list first had it."),
      sheet: z.unknown().meta({ wire: PriceSheet }),
    }),
  ),
  faults: [],
});

export const acceptPrice = command({
  subject: "usage.prices.accept",
  summary: "Takes over a price that waits in quarantine, from now on",
  access: ["admin"],
  input: z.strictObject({ service: Id, model: Id.optional() }),
  output: PriceRow,
  faults: ["not_found"],
});

export const getPrice = command({
  subject: "usage.prices.get",
  summary: "The price in force for a model, now or at another time",
  access: ["service"],
  input: z.strictObject({ service: Id, model: Id.optional(), at: Instant.optional() }),
  output: PriceRow,
  faults: ["not_found"],
});

export const priceHistory = command({
  subject: "usage.prices.history",
  summary: "Every row that a model was, is or will be priced by, latest first",
  access: ["user", "service"],
  // The slashes of a model's name are written %2F: it is one segment.
  http: { method: "get", path: "/models/{model}/prices" },
  input: z.strictObject({
    service: Id.default("openrouter").describe("Whose model it is."),
    model: Id.optional(),
    limit: Count(1, 500, 100).describe("Most rows."),
  }),
  output: z.array(PriceRow),
  faults: [],
});

export const quoteCost = command({
  subject: "usage.cost",
  summary: "What a use would cost, without recording it, and how that comes about",
  access: ["service"],
  input: z
    .strictObject({ ...Use, byok: z.boolean().optional(), at: Instant.optional() })
    .refine(oneCost, ONE_COST)
    .refine(unitCounts, UNIT_COUNTS),
  output: z.object({
    provider_cost: MoneyText,
    platform_markup: MoneyText,
    total_cost: MoneyText,
    charged: MoneyText,
    is_free: z.boolean(),
    free_value: MoneyText,
    markup_class: z.enum(MARKUP_CLASSES),
    markup_rate: z.string(),
    split_assumed: z.boolean().describe("Whether input and output were guessed from `tokens`."),
    lines: z.array(z.object({ unit: z.enum(PRICED_UNITS), quantity: z.string(), price: PriceText })),
    price_id: z.uuid().nullable(),
  }),
  faults: ["unpriced_model"],
});
