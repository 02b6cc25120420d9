/** Shapes that contracts of several services share. */
import { z } from "zod";
import { MoneyText } from "../money.ts";

export const CostBreakdown = z.object({ provider_cost: MoneyText, markup: MoneyText, total: MoneyText });

/** What became of an event at its consumer. `unknown`: it has not been applied (yet). */
export const EventOutcome = z.enum(["applied", "rejected", "dead", "unknown"]);
