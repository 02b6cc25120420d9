/** What usage says of a model, remembered for a short while: usage owns the prices and the rules. */
import type { Bus } from "@tollbooth/shared/bus";
import { getPrice, quoteCost } from "@tollbooth/shared/contracts/prices";
import { Fault } from "@tollbooth/shared/fault";
import { decimal } from "@tollbooth/shared/money";
import type { Quote } from "./estimate.ts";
import { CALLER } from "./reporting.ts";

interface Remembered {
  readonly quote: Promise<Quote>;
  readonly untilMs: number;
}

const SERVICE = "openrouter";
const REMEMBERED_MAX = 1_000;
const REMEMBERED_MS = 60_000;

export class Quotes {
  readonly #bus: Pick<Bus, "ask">;
  readonly #remembered = new Map<string, Remembered>();

  constructor(bus: Pick<Bus, "ask">) {
    this.#bus = bus;
  }

  /**
   * Whether a model is free, how it is marked up, and its prices. Who asks while the answer is on its way gets the same one.
   * That a model has no price is not remembered: it may have one in a moment.
   */
  of(model: string): Promise<Quote> {
    const nowMs = performance.now();
    const known = this.#remembered.get(model);
    if (known !== undefined && known.untilMs > nowMs) return known.quote;
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    const quote = this.#ask(model);
    this.#remembered.set(model, { quote, untilMs: nowMs + REMEMBERED_MS });
    quote.then(
      ({ isFree, rates }) => (isFree || rates !== undefined ? undefined : this.#remembered.delete(model)),
      () => this.#remembered.delete(model),
    );
    return quote;
  }

  /** A cost of nothing asks for no price: it is answered also for models that have none. */
  async #ask(model: string): Promise<Quote> {
    const [cost, price] = await Promise.all([
      this.#bus.ask(quoteCost, { service: SERVICE, model, provider_cost: "0" }, { caller: CALLER }),
      this.#bus.ask(getPrice, { service: SERVICE, model }, { caller: CALLER }).catch(unpriced),
    ]);
    return {
      isFree: cost.is_free,
      markupClass: cost.markup_class,
      markupRate: decimal(cost.markup_rate),
      rates: price?.rates,
    };
  }
}

function unpriced(error: unknown): undefined {
  if (Fault.from(error).code !== "not_found") throw error;
  return undefined;
}
