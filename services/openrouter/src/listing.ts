/** OpenRouter's models as it lists them, as new as the last time they were fetched. */
import { PriceText, type Money } from "@tollbooth/shared/money";
import { z } from "zod";
import type { Lengths } from "./estimate.ts";

const HOUR_PRICE = "input_cache_write_1h";

/** A count in a text that no float has read. */
const Whole = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number)
  .nullish()
  .catch(undefined);
const Prices = z.record(z.string(), z.unknown());

const ListedModel = z.object({
  id: z.string(),
  name: z.string().nullish(),
  created: Whole,
  context_length: Whole,
  top_provider: z.object({ max_completion_tokens: Whole }).nullish(),
  pricing: Prices,
});
export type ListedModel = z.output<typeof ListedModel>;

const UNKNOWN: Lengths = { contextTokens: undefined, outputTokensMax: undefined };

export class Listing {
  #models: ReadonlyMap<string, ListedModel> = new Map();

  /** Takes over a list; what cannot be read of it is left out. */
  take(models: readonly unknown[]): void {
    const read = models.flatMap((model) => ListedModel.safeParse(model).data ?? []);
    this.#models = new Map(read.map((model) => [model.id, model]));
  }

  /** All of them, in OpenRouter's order. */
  get models(): readonly ListedModel[] {
    return [...this.#models.values()];
  }

  /** How long a model's prompts and answers may be. What its name says after a colon changes nothing of that. */
  lengthsOf(model: string): Lengths {
    const listed = this.#models.get(model) ?? this.#models.get(model.split(":")[0] ?? "");
    if (listed === undefined) return UNKNOWN;
    return {
      contextTokens: listed.context_length ?? undefined,
      outputTokensMax: listed.top_provider?.max_completion_tokens ?? undefined,
    };
  }

  /** The highest price that is listed for a token kept in the cache for an hour; undefined where none is. */
  hourPriceOf(model: string): Money | undefined {
    const { overrides, ...prices } = this.#models.get(model)?.pricing ?? {};
    const parts = [prices, ...(z.array(Prices).safeParse(overrides).data ?? [])];
    return parts
      .flatMap((part) => PriceText.safeParse(part[HOUR_PRICE]).data ?? [])
      .reduce<Money | undefined>((most, price) => (most?.gte(price) ? most : price), undefined);
  }
}
