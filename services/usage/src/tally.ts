/** From a user's sums by service, model and free or paid to the answers that are given of them. */
import { printInstant } from "@tollbooth/shared/contract";
import type { usageByModel, usageByService, usageFreeTier, UsageSummary } from "@tollbooth/shared/contracts/usage";
import { print, sum, type Money } from "@tollbooth/shared/money";
import type { z } from "zod";
import { groupBy } from "./group.ts";
import type { Period } from "./period.ts";

/** What a user used of one model in a period, free and paid apart. */
export interface Tally {
  readonly service: string;
  /** "" where none was named. */
  readonly model: string;
  readonly isFree: boolean;
  readonly events: number;
  readonly tokens: number;
  readonly cost: Money;
}

interface Total {
  readonly events: number;
  readonly tokens: number;
  readonly cost: Money;
  readonly freeEvents: number;
}

function totalOf(tallies: readonly Tally[]): Total {
  const count = (of: readonly Tally[], what: "events" | "tokens") =>
    of.reduce((total, tally) => total + tally[what], 0);
  return {
    events: count(tallies, "events"),
    tokens: count(tallies, "tokens"),
    cost: sum(tallies.map((tally) => tally.cost)),
    freeEvents: count(
      tallies.filter((tally) => tally.isFree),
      "events",
    ),
  };
}

/** Totals of groups, highest cost first; the same cost by name. */
function ranked(
  tallies: readonly Tally[],
  keyOf: (tally: Tally) => string,
): (Total & { of: readonly Tally[]; first: Tally })[] {
  const groups = [...groupBy(tallies, keyOf)].map(([key, of]) => ({ key, of, first: of[0] as Tally, ...totalOf(of) }));
  return groups.toSorted((a, b) => b.cost.cmp(a.cost) || (a.key < b.key ? -1 : 1));
}

const byService = ({ service }: Tally) => service;
const byModel = ({ service, model }: Tally) => `${service}\0${model}`;

function printPeriod({ start, end }: Period): { start: string; end: string } {
  return { start: printInstant(start), end: printInstant(end) };
}

/** All of it, by service, highest cost first. */
export function summaryOf(tallies: readonly Tally[], period: Period): z.input<typeof UsageSummary> {
  const { events, tokens, cost, freeEvents } = totalOf(tallies);
  return {
    total_events: events,
    total_tokens: tokens,
    total_cost: print(cost),
    free_tier_events: freeEvents,
    paid_tier_events: events - freeEvents,
    services: Object.fromEntries(
      ranked(tallies, byService).map((total) => [
        total.first.service,
        { event_count: total.events, tokens: total.tokens, cost: print(total.cost) },
      ]),
    ),
    period: printPeriod(period),
  };
}

/** One line for each model of each service, highest cost first. */
export function byModelOf(tallies: readonly Tally[]): z.input<(typeof usageByModel)["output"]> {
  return ranked(tallies, byModel).map(({ first, events, tokens, cost, freeEvents }) => ({
    service: first.service,
    model: first.model || null,
    event_count: events,
    total_tokens: tokens,
    total_cost: print(cost),
    avg_tokens: Math.round((tokens / events) * 100) / 100,
    free_events: freeEvents,
  }));
}

/** One line for each service, highest cost first. */
export function byServiceOf(tallies: readonly Tally[]): z.input<(typeof usageByService)["output"]> {
  return ranked(tallies, byService).map(({ of, first, events, tokens, cost, freeEvents }) => ({
    service: first.service,
    event_count: events,
    total_tokens: tokens,
    total_cost: print(cost),
    unique_models: new Set(of.map(({ model }) => model).filter((model) => model !== "")).size,
    free_events: freeEvents,
  }));
}

/** Free usage by model, whatever service it went through; most events first. */
export function freeTierOf(tallies: readonly Tally[], period: Period): z.input<(typeof usageFreeTier)["output"]> {
  const free = tallies.filter(({ isFree }) => isFree);
  const models = [...groupBy(free, ({ model }) => model)].map(([model, of]) => ({
    model: model || null,
    ...totalOf(of),
  }));
  const { events, tokens } = totalOf(free);
  return {
    total_free_events: events,
    total_free_tokens: tokens,
    unique_free_models: models.filter(({ model }) => model !== null).length,
    models: models
      .toSorted((a, b) => b.events - a.events || ((a.model ?? "") < (b.model ?? "") ? -1 : 1))
      .map(({ model, events: event_count, tokens: used }) => ({ model, event_count, tokens: used })),
    period: printPeriod(period),
  };
}
