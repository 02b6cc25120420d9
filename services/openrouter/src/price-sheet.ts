/** From OpenRouter's list of models to price sheets that usage takes over. Pure; numbers come as the texts they were. */
import type { PricedUnit, PriceSheet } from "@tollbooth/shared/contracts/prices";
import { z } from "zod";

type Sheet = z.input<typeof PriceSheet>;
type Rate = Sheet["rates"][number];

/** What OpenRouter calls a price, and what it is for. A price that is not here can be of no use that is reported. */
const UNITS: Readonly<Record<string, PricedUnit>> = {
  prompt: "input_token",
  completion: "output_token",
  input_cache_read: "cached_token",
  input_cache_write: "cache_write_token",
  internal_reasoning: "reasoning_token",
  request: "request_fee",
  image: "image",
  image_token: "image_input_token",
  image_output: "image_output_token",
  audio: "audio_input_token",
  input_audio_cache: "audio_cached_token",
  audio_output: "audio_output_token",
  web_search: "query",
};

const Prices = z.record(z.string(), z.unknown());
const ListedModel = z.object({
  id: z.string(),
  pricing: z.intersection(Prices, z.object({ overrides: z.array(Prices).optional() })),
  architecture: z.object({ output_modalities: z.array(z.string()) }).nullish(),
});

/** A router's price: it is that of whichever model serves. */
const VARIES = "-1";

/** The sheets of the models that have prices. A model whose price varies has none, and neither has what cannot be read. */
export function sheetsOf(models: readonly unknown[]): Sheet[] {
  return models.flatMap((listed) => {
    const model = ListedModel.safeParse(listed).data;
    const rates = model && ratesOf(model.pricing);
    if (rates === undefined || rates.length === 0 || rates.some(({ price }) => price === VARIES)) return [];
    const outputs = model?.architecture?.output_modalities;
    return [{ model: model?.id, text_only: outputs?.length === 1 && outputs[0] === "text", rates }];
  });
}

function ratesOf({ overrides = [], ...prices }: z.output<typeof ListedModel>["pricing"]): Rate[] {
  return [prices, ...overrides].flatMap((part) => {
    const condition = conditionOf(part);
    return Object.entries(part).flatMap(([name, price]): Rate[] => {
      const unit = UNITS[name];
      return unit === undefined || typeof price !== "string" ? [] : [{ unit, price, ...condition }];
    });
  });
}

/** Prompts longer than so many tokens, hours of the UTC day written as 2230. */
function conditionOf({ min_prompt_tokens: above, utc_start: from, utc_end: to }: z.output<typeof Prices>) {
  return {
    ...(above !== undefined && { above_tokens: Number(above) }),
    ...(from !== undefined && to !== undefined && { utc_from: timeOf(from), utc_to: timeOf(to) }),
  };
}

function timeOf(hhmm: unknown): string {
  // The end of a day is the beginning of the next.
  const digits = String(Number(hhmm) % 2400).padStart(4, "0");
  return `${digits.slice(0, 2)}:${digits.slice(2)}`;
}
