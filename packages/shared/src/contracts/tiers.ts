/** Tiers: what each gives and costs, going to another, granting a period anew. Answered by credits. */
import { z } from "zod";
import { command, Id, OnUser } from "../contract.ts";
import { MoneyText } from "../money.ts";
import { CreditBalance } from "./credits.ts";

export const TierInfo = z
  .object({
    tier: z.string(),
    price_monthly: MoneyText,
    credits_monthly: MoneyText,
    features: z.array(z.string()),
    amount_due: MoneyText.optional().describe(
      "What going there now would cost the one who asks, after discounts; only for those who have a token.",
    ),
  })
  .meta({ id: "TierInfo" });

export const listTiers = command({
  subject: "credits.tiers",
  summary: "The tiers, cheapest first",
  access: "public",
  http: { method: "get", path: "/tiers/compare" },
  input: z.strictObject({}),
  output: z.array(TierInfo),
  faults: [],
});

export const switchTier = command({
  subject: "credits.tier.switch",
  summary: "Goes to another tier: a dearer one now, a cheaper one at the next reset",
  access: ["user"],
  http: { method: "post", path: "/tiers/switch" },
  input: z.strictObject({ ...OnUser, new_tier: Id }),
  output: CreditBalance.extend({ amount_due: MoneyText }),
  faults: ["unknown_tier", "idempotency_conflict", "idempotency_key_expired"],
});

export const resetPeriod = command({
  subject: "credits.reset",
  summary: "Grants the period's credits anew by hand, once a period",
  access: ["service"],
  input: z.strictObject({ user_id: Id, new_tier: Id.optional() }),
  output: CreditBalance,
  faults: ["unknown_tier"],
});
