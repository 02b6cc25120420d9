/** What the usage service would hear and say, where a test wants it to be away or to refuse; the real one is in the end-to-end tests. */
import type { Bus } from "@tollbooth/shared/bus";
import { getPrice, importPrices, quoteCost } from "@tollbooth/shared/contracts/prices";
import { trackUsage, type UsageReport } from "@tollbooth/shared/contracts/usage";
import { Fault } from "@tollbooth/shared/fault";
import { handle, type Endpoint } from "@tollbooth/shared/handler";
import { print, round12, ZERO as NOTHING } from "@tollbooth/shared/money";
import { FAKE_MODELS } from "../fake-models.ts";
import { sheetsOf } from "../price-sheet.ts";

export interface PretendedUsage {
  /** The reports that were told, in their order. */
  told: UsageReport[];
  /** What everything is refused with. */
  refusal: Fault | undefined;
  /** Whether no price is known: a report has to tell its cost. */
  isPriceless: boolean;
  /** How often a quote was asked for. */
  quotes: number;
  /** How many prices were handed over. */
  listed: number;
  /** Hears each event, once. */
  onEvent: (report: UsageReport, charged: string) => void;
}

/** Every model is marked up by a tenth. */
const MARKUP = "1.1";
const SHEETS = new Map(sheetsOf(FAKE_MODELS).map((sheet) => [sheet.model, sheet]));

const ZERO = "0.000000000000";
const COSTS = { provider_cost: ZERO, platform_markup: ZERO, total_cost: ZERO, charged: ZERO };

/** Answers in the place of usage. */
export async function pretendUsage(bus: Bus): Promise<PretendedUsage> {
  const usage: PretendedUsage = {
    told: [],
    refusal: undefined,
    isPriceless: false,
    quotes: 0,
    listed: 0,
    onEvent: () => {},
  };
  const known = new Set<string>();
  const refuse = () => {
    if (usage.refusal !== undefined) throw usage.refusal;
  };
  await bus.serve("usage", [
    ...priceHandlers(usage, refuse),
    handle(trackUsage, async (report) => {
      usage.told.push(report);
      refuse();
      if (usage.isPriceless && report.provider_cost === undefined)
        throw new Fault("unpriced_model", "no price is known");
      const isFree = report.is_free ?? false;
      const charged = print(isFree || report.byok ? NOTHING : round12((report.provider_cost ?? NOTHING).times(MARKUP)));
      if (!known.has(`${report.user_id} ${report.event_id}`)) usage.onEvent(report, charged);
      known.add(`${report.user_id} ${report.event_id}`);
      const what = { id: crypto.randomUUID(), user_id: report.user_id ?? "", service: report.service, model: null };
      return { ...what, ...COSTS, charged, tokens_used: 0, is_free_tier: isFree, created_at: "2026-01-01T00:00:00Z" };
    }),
  ]);
  return usage;
}

function priceHandlers(usage: PretendedUsage, refuse: () => void): Endpoint[] {
  return [
    handle(quoteCost, async ({ model = "" }) => {
      usage.quotes += 1;
      refuse();
      const isFree = model.endsWith(":free");
      const how = { split_assumed: false, lines: [], price_id: null, markup_rate: isFree ? "0" : "0.1" };
      return {
        ...COSTS,
        ...how,
        free_value: ZERO,
        is_free: isFree,
        markup_class: isFree ? ("free" as const) : ("standard" as const),
      };
    }),
    handle(getPrice, async ({ service, model = "" }) => {
      refuse();
      const sheet = SHEETS.get(model);
      if (sheet === undefined) throw new Fault("not_found", "no price is known");
      const row = { id: crypto.randomUUID(), service, class: null, source: "test", valid_from: null };
      return { ...row, model, text_only: sheet.text_only ?? false, rates: sheet.rates };
    }),
    handle(importPrices, async ({ prices }) => {
      refuse();
      usage.listed += prices.length;
      return { changed: prices.length, unchanged: 0, quarantined: 0, refused: [] };
    }),
  ];
}
