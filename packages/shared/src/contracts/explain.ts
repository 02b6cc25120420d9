/** Why a use of a service cost what it cost: asked by credits when it explains a line. */
import { z } from "zod";
import { command, Id, Instant, Moment } from "../contract.ts";
import { MoneyText } from "../money.ts";
import { PriceRow } from "./prices.ts";

const Whole = z.number().int();

export const explainUsage = command({
  subject: "usage.event.get",
  summary: "One event with its quantities, the price row in force and the markup rule that was applied",
  access: ["service"],
  input: z.strictObject({ user_id: Id, id: z.uuid(), occurred_at: Instant }),
  output: z.object({
    id: z.uuid(),
    source: z.string(),
    event_id: z.string(),
    service: z.string(),
    model: z.string().nullable(),
    occurred_at: Moment,
    recorded_at: Moment,
    input_tokens: Whole,
    output_tokens: Whole,
    cached_tokens: Whole,
    cache_write_tokens: Whole,
    reasoning_tokens: Whole,
    split_assumed: z.boolean().describe("Only a total was reported; input and output are half of it each."),
    quantity: z.string().nullable(),
    unit: z.string().nullable(),
    basis: z
      .enum(["price", "cost", "provider_cost"])
      .describe("What the cost was made from: the price, or the cost or provider_cost that was reported."),
    price: PriceRow.nullable(),
    markup_class: z.string(),
    markup_rate: z.string(),
    provider_cost: MoneyText,
    platform_markup: MoneyText,
    total_cost: MoneyText,
    charged: MoneyText,
    is_free: z.boolean(),
    free_value: MoneyText,
    byok: z.boolean(),
    hold_id: z.string().nullable(),
  }),
  faults: ["not_found"],
});
