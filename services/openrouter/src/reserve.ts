/** Credits for a request are set aside before it is sent: as much as it costs at most. */
import type { Bus } from "@tollbooth/shared/bus";
import { createHold } from "@tollbooth/shared/contracts/holds";
import { Fault } from "@tollbooth/shared/fault";
import { decimal, print, type Money } from "@tollbooth/shared/money";
import type { Wanted } from "./body.ts";
import { affordableTokens, amountFor, boundOf, presetTokens, type Bound, type Lengths } from "./estimate.ts";
import type { Listing } from "./listing.ts";
import type { Quotes } from "./quotes.ts";
import { CALLER } from "./reporting.ts";

export interface Pricing {
  readonly bus: Pick<Bus, "ask">;
  readonly quotes: Quotes;
  readonly listing: Pick<Listing, "lengthsOf" | "hourPriceOf">;
}

/** Whether a shorter answer is as good where more cannot be paid for: asked only where it cannot. */
type MayClamp = () => Promise<boolean>;

/** What a request may cost, and how long its answer may be. */
export interface Terms {
  /** Undefined for what is free, and for what the user's own key pays. */
  readonly bound: Bound | undefined;
  readonly isFree: boolean;
  /** As the client says, or a preset. */
  readonly outputTokens: number;
  /** The client left it to us: less is as good where more cannot be paid for. */
  readonly isPreset: boolean;
}

/** Credits that were set aside. */
export interface Reserved {
  readonly amount: Money;
  /** What the user may spend besides. */
  readonly available: Money;
  readonly outputTokens: number;
  /** How long the answer could have been for all that the user had. */
  readonly affordableTokens: number;
}

/** Longer than a bill is looked for. */
const HOLD_TTL_S = 2 * 3_600;

/** What credits are asked to pay for. Throws `unpriced_model` where a model has no price to bound it by. */
export async function termsOf({ quotes, listing }: Pricing, wanted: Wanted): Promise<Terms> {
  const models = await Promise.all(
    wanted.models.map(async (model) => ({
      quote: await quotes.of(model),
      lengths: listing.lengthsOf(model),
      hourPrice: listing.hourPriceOf(model),
    })),
  );
  if (wanted.isPreferred) throw unpriced(wanted);
  const isFree = !wanted.hasExtras && models.every(({ quote }) => quote.isFree);
  const bound = isFree ? undefined : boundOf(wanted, models);
  if (!isFree && bound === undefined) throw unpriced(wanted);
  return {
    bound,
    isFree,
    ...lengthOf(
      wanted,
      models.map(({ lengths }) => lengths),
    ),
  };
}

/** What the user's own key pays is between him and OpenRouter. */
export function ownTerms({ listing }: Pick<Pricing, "listing">, wanted: Wanted): Terms {
  return {
    bound: undefined,
    isFree: false,
    ...lengthOf(
      wanted,
      wanted.models.map((model) => listing.lengthsOf(model)),
    ),
  };
}

function lengthOf({ outputTokens }: Wanted, lengths: readonly Lengths[]) {
  return { outputTokens: outputTokens ?? presetTokens(lengths), isPreset: outputTokens === undefined };
}

/**
 * Sets credits aside under the first of these ids, or, where they do not suffice and a shorter answer will do, for that
 * under the second, which is told before. Throws `insufficient_credits` with what is required, available and affordable.
 */
export async function reserve(
  { bus }: Pick<Pricing, "bus">,
  userId: string,
  {
    bound,
    outputTokens,
    mayClamp,
  }: Pick<Terms, "outputTokens"> & { readonly bound: Bound; readonly mayClamp: MayClamp },
  holdIds: { readonly first: string; readonly second: () => Promise<string> },
): Promise<Reserved> {
  const hold = async (holdId: string, tokens: number): Promise<Reserved> => {
    const amount = amountFor(bound, tokens);
    const asked = { user_id: userId, hold_id: holdId, amount: print(amount), ttl_s: HOLD_TTL_S };
    const { available } = await bus.ask(createHold, asked, { caller: CALLER });
    return {
      amount,
      available,
      outputTokens: tokens,
      affordableTokens: affordableTokens(bound, available.plus(amount)),
    };
  };
  try {
    return await hold(holdIds.first, outputTokens);
  } catch (error) {
    const affordable = affordableIn(error, bound);
    if (affordable === undefined) throw error;
    if (affordable === 0 || !(await mayClamp())) throw refused(error as Fault, affordable);
    return hold(await holdIds.second(), affordable);
  }
}

/** How many tokens can be paid for, of a refusal for want of credits. */
function affordableIn(error: unknown, bound: Bound): number | undefined {
  const { code, more } = Fault.from(error);
  if (code !== "insufficient_credits" || more.facts?.["available"] === undefined) return undefined;
  return affordableTokens(bound, decimal(more.facts["available"]));
}

function refused({ code, message, more }: Fault, affordable: number): Fault {
  const fix =
    affordable === 0
      ? "add credits, or choose a cheaper model"
      : `ask for at most ${affordable} max_tokens, add credits, or choose a cheaper model`;
  return new Fault(code, message, { ...more, fix, facts: { ...more.facts, affordable_tokens: affordable } });
}

function unpriced({ models, hasExtras, isPreferred }: Wanted): Fault {
  const whose = [...models, ...(hasExtras ? ["its tools"] : []), ...(isPreferred ? ["its service tier"] : [])];
  const what = `no price is known that would bound what ${whose.join(", ")} may cost`;
  return new Fault("unpriced_model", what, { fix: "choose a model of GET /api/v1/models, or use a key of your own" });
}
