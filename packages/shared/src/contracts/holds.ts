/** Holds: credits set aside for a request that has not ended. Answered by credits. */
import { z } from "zod";
import { command, Id, Moment } from "../contract.ts";
import { Amount, AmountOrZero, MoneyText } from "../money.ts";
import { COST_ADDS_UP, costAddsUp, Use } from "./shapes.ts";

const HOLD_TTL_MAX_S = 7 * 86_400;

export const CreditHold = z
  .object({
    hold_id: z.string(),
    state: z.enum(["active", "captured", "released", "expired"]),
    amount: MoneyText,
    expires_at: Moment,
    available: MoneyText.describe("What the user may spend besides."),
  })
  .meta({ id: "CreditHold" });

export const createHold = command({
  subject: "credits.hold.create",
  summary: "Sets credits aside for a request that has not ended",
  access: ["service"],
  input: z.strictObject({
    user_id: Id,
    hold_id: Id,
    amount: Amount,
    ttl_s: z.number().int().min(1).max(HOLD_TTL_MAX_S),
  }),
  output: CreditHold,
  faults: ["insufficient_credits", "hold_ended", "idempotency_conflict", "idempotency_key_expired"],
});

export const captureHold = command({
  subject: "credits.hold.capture",
  summary:
    "Takes what was served out of a hold; not for a request that also reports usage, because its event is the capture",
  access: ["service"],
  input: z.strictObject({ ...Use, hold_id: Id, amount: AmountOrZero }).refine(costAddsUp, COST_ADDS_UP),
  output: CreditHold,
  faults: ["hold_ended", "idempotency_conflict", "idempotency_key_expired"],
});

export const releaseHold = command({
  subject: "credits.hold.release",
  summary: "Gives a hold back",
  access: ["service"],
  input: z.strictObject({ user_id: Id, hold_id: Id }),
  output: CreditHold,
  faults: ["hold_ended", "idempotency_key_expired"],
});
