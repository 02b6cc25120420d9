/** What usage says of a model, remembered for a short while: usage owns the prices and the rules. */
import type { Bus } from "@tollbooth/shared/bus";
import { quoteCost } from "@tollbooth/shared/contracts/prices";
import type { z } from "zod";
import { CALLER } from "./reporting.ts";

export type Quote = Pick<z.output<(typeof quoteCost)["output"]>, "is_free" | "markup_class" | "markup_rate">;

interface Remembered {
  readonly quote: Promise<Quote>;
  readonly untilMs: number;
}

const REMEMBERED_MAX = 1_000;
const REMEMBERED_MS = 60_000;

export class Quotes {
  readonly #bus: Pick<Bus, "ask">;
  readonly #remembered = new Map<string, Remembered>();

  constructor(bus: Pick<Bus, "ask">) {
    this.#bus = bus;
  }

  /** Whether a model is free, and how it is marked up. Who asks while the answer is on its way gets the same one. */
  of(model: string): Promise<Quote> {
    const nowMs = performance.now();
    const known = this.#remembered.get(model);
    if (known !== undefined && known.untilMs > nowMs) return known.quote;
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    const quote = this.#ask(model);
    this.#remembered.set(model, { quote, untilMs: nowMs + REMEMBERED_MS });
    quote.catch(() => this.#remembered.delete(model));
    return quote;
  }

  /** A cost of nothing asks for no price: it is answered also for models that have none. */
  #ask(model: string): Promise<Quote> {
    return this.#bus.ask(quoteCost, { service: "openrouter", model, provider_cost: "0" }, { caller: CALLER });
  }
}
