/** The SQL of tiers. */
import { z } from "zod";
import type { Tx } from "@tollbooth/shared/db";
import { MoneyText } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import type { Tier } from "./period.ts";

const TierRow = z.object({
  tier: z.string(),
  price_monthly: MoneyText,
  credits_monthly: MoneyText,
  rollover_share: MoneyText,
  admin_only: z.boolean(),
  features: z.array(z.string()),
});

/** The tiers, cheapest first, with what they offer for people to read. */
export async function readTiers(tx: Tx): Promise<(Tier & { features: readonly string[] })[]> {
  const rows = await tx.many(
    TierRow,
    sql`select tier, price_monthly, credits_monthly, rollover_share, admin_only, features from tiers order by price_monthly, tier`,
  );
  return rows.map((row) => ({
    tier: row.tier,
    price: row.price_monthly,
    credits: row.credits_monthly,
    rollover: row.rollover_share,
    adminOnly: row.admin_only,
    features: row.features,
  }));
}
