/** What the usage service would hear and say, where a test wants it to be away or to refuse; the real one is in the end-to-end tests. */
import type { Bus } from "@tollbooth/shared/bus";
import { importPrices, quoteCost } from "@tollbooth/shared/contracts/prices";
import { trackUsage, type UsageReport } from "@tollbooth/shared/contracts/usage";
import type { Fault } from "@tollbooth/shared/fault";
import { handle } from "@tollbooth/shared/handler";

export interface PretendedUsage {
  /** The reports that were told, in their order. */
  told: UsageReport[];
  /** What everything is refused with. */
  refusal: Fault | undefined;
  /** How often a quote was asked for. */
  quotes: number;
  /** How many prices were handed over. */
  listed: number;
}

const ZERO = "0.000000000000";
const COSTS = { provider_cost: ZERO, platform_markup: ZERO, total_cost: ZERO, charged: ZERO };

/** Answers in the place of usage. */
export async function pretendUsage(bus: Bus): Promise<PretendedUsage> {
  const usage: PretendedUsage = { told: [], refusal: undefined, quotes: 0, listed: 0 };
  const refuse = () => {
    if (usage.refusal !== undefined) throw usage.refusal;
  };
  await bus.serve("usage", [
    handle(trackUsage, async (report) => {
      usage.told.push(report);
      refuse();
      const what = { id: crypto.randomUUID(), user_id: report.user_id ?? "", service: report.service, model: null };
      return { ...what, ...COSTS, tokens_used: 0, is_free_tier: false, created_at: "2026-01-01T00:00:00Z" };
    }),
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
    handle(importPrices, async ({ prices }) => {
      refuse();
      usage.listed += prices.length;
      return { changed: prices.length, unchanged: 0, refused: [] };
    }),
  ]);
  return usage;
}
