/** The models as clients see them: what the provider takes, how that is marked up, and what the caller pays. */
import type { listModels } from "@tollbooth/shared/contracts/exchanges";
import { Fault } from "@tollbooth/shared/fault";
import { decimal } from "@tollbooth/shared/money";
import type { z } from "zod";
import type { Quote } from "./estimate.ts";
import type { Listing, ListedModel } from "./listing.ts";
import type { Quotes } from "./quotes.ts";

export interface Models {
  readonly quotes: Quotes;
  readonly listing: Listing;
}

type Told = z.input<(typeof listModels)["output"]>;

const AT_ONCE_MAX = 32;
const ONE = decimal(1);
/** As many as a price may have. */
const PLACES_MAX = 24;

/** All models that have a price or cost nothing, as usage knows their prices now. Throws `unavailable` before there is a list. */
export async function tellModels({ quotes, listing }: Models): Promise<Told> {
  const { models } = listing;
  if (models.length === 0)
    throw new Fault("unavailable", "OpenRouter's list of models was not fetched yet", { retryAfterS: 5 });
  const data: Told["data"] = [];
  for (let from = 0; from < models.length; from += AT_ONCE_MAX) {
    const part = models.slice(from, from + AT_ONCE_MAX);
    const quoted = await Promise.all(part.map(async (model) => ({ model, quote: await quotes.of(model.id) })));
    data.push(...quoted.filter(({ quote }) => quote.isFree || quote.rates !== undefined).map(tell));
  }
  return { object: "list", data };
}

function tell({ model, quote }: { model: ListedModel; quote: Quote }): Told["data"][number] {
  const { isFree, markupClass, markupRate, rates = [] } = quote;
  // Prices of long prompts and of some hours have conditions: they are usage's to tell.
  const plain = rates.filter((rate) => rate.above_tokens === undefined && rate.utc_from === undefined);
  const priced = (factor: typeof ONE) =>
    Object.fromEntries(
      plain.map(({ unit, price }) => [unit, price.times(factor).toDecimalPlaces(PLACES_MAX).toFixed()]),
    );
  return {
    id: model.id,
    object: "model",
    created: model.created ?? 0,
    owned_by: model.id.split("/")[0] ?? "",
    name: model.name ?? model.id,
    context_length: model.context_length ?? null,
    pricing: priced(ONE),
    tollbooth: {
      is_free: isFree,
      markup_class: markupClass,
      markup_rate: markupRate.toFixed(),
      pricing: priced(markupRate.plus(ONE)),
    },
  };
}
