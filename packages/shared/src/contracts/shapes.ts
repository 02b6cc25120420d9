/** Shapes that contracts of several services share. */
import { z } from "zod";
import { Id, isSound, Metadata } from "../contract.ts";
import { AmountOrZero, MoneyText, type Money } from "../money.ts";

export const CostBreakdown = z.object({ provider_cost: MoneyText, markup: MoneyText, total: MoneyText });

/** What became of an event at its consumer. `unknown`: it has not been applied (yet). */
export const EventOutcome = z.enum(["applied", "rejected", "dead", "unknown"]);

const CostParts = z.strictObject({ provider_cost: AmountOrZero, markup: AmountOrZero, total: AmountOrZero });

/** What a caller says of a cost has to add up, or nobody could explain the line afterwards. */
export function costAddsUp({
  amount,
  cost_breakdown: parts,
}: {
  amount: Money;
  cost_breakdown?: z.output<typeof CostParts> | undefined;
}): boolean {
  return parts === undefined || (parts.total.eq(amount) && parts.provider_cost.plus(parts.markup).eq(parts.total));
}
export const COST_ADDS_UP = {
  when: isSound,
  path: ["cost_breakdown"],
  message: "provider_cost + markup must equal total, and total must equal amount",
};

/** What was used, for what is not a usage event. */
export const Use = {
  user_id: Id,
  service: Id,
  model: Id.optional(),
  cost_breakdown: CostParts.optional(),
  metadata: Metadata.optional(),
};
