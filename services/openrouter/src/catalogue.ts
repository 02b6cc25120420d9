/** OpenRouter's price list, handed over to usage at the start, every six hours and on demand, as far as OpenRouter can be reached. */
import type { Bus } from "@tollbooth/shared/bus";
import type { syncModels } from "@tollbooth/shared/contracts/openrouter";
import { importPrices } from "@tollbooth/shared/contracts/prices";
import { Fault } from "@tollbooth/shared/fault";
import type { Log } from "@tollbooth/shared/log";
import type { z } from "zod";
import type { OpenRouter } from "./client.ts";
import type { Listing } from "./listing.ts";
import { sheetsOf } from "./price-sheet.ts";
import { CALLER } from "./reporting.ts";

export interface CatalogueOptions {
  readonly openRouter: Pick<OpenRouter, "models">;
  readonly bus: Pick<Bus, "ask">;
  /** Gets each list too. */
  readonly listing: Listing;
  readonly log: Log;
}

/** What came of a list. */
export type Synced = z.input<(typeof syncModels)["output"]>;

const EVERY_MS = 6 * 3_600_000;
const RETRY_MS = 5_000;
const RETRY_MAX_MS = 3_600_000;
/** Sheets in one message. */
const PART_MAX = 500;

export class Catalogue {
  readonly #options: CatalogueOptions;
  #nextMs = 0;
  #failures = 0;

  constructor(options: CatalogueOptions) {
    this.#options = options;
  }

  /** Hands the list over where that is due. What hinders it is one line in the log, and it is tried again ever more slowly. */
  async tend(nowMs: number, signal?: AbortSignal): Promise<void> {
    if (nowMs < this.#nextMs) return;
    const { log } = this.#options;
    try {
      await this.sync(signal);
      this.#failures = 0;
      this.#nextMs = nowMs + EVERY_MS;
    } catch (error) {
      const retryMs = Math.min(RETRY_MS * 2 ** this.#failures, RETRY_MAX_MS);
      this.#failures += 1;
      this.#nextMs = nowMs + retryMs;
      log.warn(
        { code: Fault.from(error).code, retry_s: retryMs / 1000 },
        `OpenRouter's prices were not handed over: ${(error as Error).message}`,
      );
    }
  }

  /** Hands the list over now; answers what came of it. Throws `unavailable` where OpenRouter or usage is away. */
  async sync(signal?: AbortSignal): Promise<Synced> {
    const { openRouter, bus, listing, log } = this.#options;
    const models = await openRouter.models(signal);
    listing.take(models);
    const prices = sheetsOf(models);
    const done = { models: models.length, priced: prices.length, changed: 0, quarantined: 0, refused: 0 };
    for (let from = 0; from < prices.length; from += PART_MAX) {
      const part = { service: "openrouter", source: "openrouter-models", prices: prices.slice(from, from + PART_MAX) };
      const { changed, quarantined, refused } = await bus.ask(importPrices, part, { caller: CALLER });
      done.changed += changed;
      done.quarantined += quarantined;
      done.refused += refused.length;
    }
    log[done.quarantined > 0 ? "warn" : "info"](done, "OpenRouter's prices were handed over");
    return done;
  }
}
