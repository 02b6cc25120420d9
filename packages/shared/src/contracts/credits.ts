/** What the credits service answers and publishes: the ledger's public face. */
import { z } from "zod";
import { command, Count, event, Id, Instant, Metadata, OnUser, Text } from "../contract.ts";
import { Amount, AmountOrZero, decimal, MoneyText, type Money } from "../money.ts";
import { explainUsage } from "./explain.ts";
import { CostBreakdown, EventOutcome } from "./shapes.ts";

export const CreditBalance = z.object({
  user_id: z.string(),
  /** Live lots + held - debt: below zero when more was served than paid for. */
  balance: MoneyText,
  /** Live lots - debt: what may be spent now. */
  available: MoneyText,
  held: MoneyText,
  /** What the tier grants each period. */
  allocated_monthly: MoneyText,
  /** What is left of bonus lots. */
  bonus_credits: MoneyText,
  /** What this period's free usage would have cost on the paid sibling of the same model. */
  free_tier_used: MoneyText,
  tier: z.string(),
  reset_date: Instant,
  last_updated: Instant,
  created_at: Instant,
});

export const TRANSACTION_TYPES = [
  "allocation",
  "usage",
  "bonus",
  "refund",
  "monthly_reset",
  "expiry",
  "adjustment",
] as const;
export const TransactionType = z.enum(TRANSACTION_TYPES);

export const CreditTransaction = z.object({
  id: z.uuid(),
  user_id: z.string(),
  amount: MoneyText,
  balance_after: MoneyText,
  transaction_type: TransactionType,
  service: z.string().nullable(),
  model: z.string().nullable(),
  cost_breakdown: CostBreakdown.nullable(),
  actor: z.object({ sub: z.string(), role: z.string() }),
  /** Why: allocate's `source`, refund's `reason`. */
  reason: z.string().nullable(),
  metadata: z.record(z.string(), z.json()),
  created_at: Instant,
});

export const TierInfo = z.object({
  tier: z.string(),
  price_monthly: MoneyText,
  credits_monthly: MoneyText,
  features: z.array(z.string()),
  /** What going there now would cost the one who asks, after discounts; only for those who have a token. */
  amount_due: MoneyText.optional(),
});

/** The balance at a past moment, as the journal tells it. */
export const PastBalance = z.object({
  user_id: z.string(),
  as_of: Instant,
  balance: MoneyText,
  /** The last line until then; null where there was none. */
  transaction_id: z.uuid().nullable(),
});

export const getBalance = command({
  subject: "credits.balance",
  summary: "What a user may spend; with `as_of`, what his balance was at a past moment",
  access: ["user"],
  http: { method: "get", path: "/balance" },
  input: z.strictObject({ ...OnUser, as_of: Instant.optional() }),
  output: z.union([CreditBalance, PastBalance]),
  faults: ["not_found"],
});

export const allocate = command({
  subject: "credits.allocate",
  summary: "Grants credits that were paid for: a purchase lot",
  access: ["admin"],
  http: { method: "post", path: "/allocate" },
  input: z.strictObject({ user_id: Id, amount: Amount, source: Text(255).min(1), metadata: Metadata.optional() }),
  output: CreditBalance,
  faults: ["idempotency_conflict", "idempotency_key_expired"],
});

export const grantBonus = command({
  subject: "credits.bonus",
  summary: "Awards promotional credits: a bonus lot",
  access: ["service"],
  input: z.strictObject({
    user_id: Id,
    amount: Amount,
    source: Text(255).min(1),
    priority: z.number().int().min(0).max(255).optional(),
    effective_at: Instant.optional(),
    expires_at: Instant.optional(),
    metadata: Metadata.optional(),
  }),
  output: CreditBalance,
  faults: ["idempotency_conflict", "idempotency_key_expired"],
});

export const listTransactions = command({
  subject: "credits.transactions",
  summary: "The user's journal, newest first",
  access: ["user"],
  http: { method: "get", path: "/transactions" },
  input: z.strictObject({
    ...OnUser,
    limit: Count(1, 500, 50),
    offset: Count(0, 10_000, 0),
    cursor: z
      .string()
      .regex(/^\d{1,18}$/, "a cursor is taken from the Link header of the page before")
      .optional(),
    transaction_type: TransactionType.optional(),
  }),
  output: z.array(CreditTransaction),
  faults: ["not_found"],
});

const CostParts = z.strictObject({ provider_cost: AmountOrZero, markup: AmountOrZero, total: AmountOrZero });

/** What a caller says of a cost has to add up, or nobody could explain the line afterwards. */
function costAddsUp({
  amount,
  cost_breakdown: parts,
}: {
  amount: Money;
  cost_breakdown?: z.output<typeof CostParts> | undefined;
}): boolean {
  return parts === undefined || (parts.total.eq(amount) && parts.provider_cost.plus(parts.markup).eq(parts.total));
}
const COST_ADDS_UP = {
  path: ["cost_breakdown"],
  message: "provider_cost + markup must equal total, and total must equal amount",
};

/** What was used, for what is not a usage event. */
const Use = {
  user_id: Id,
  service: Id,
  model: Id.optional(),
  cost_breakdown: CostParts.optional(),
  metadata: Metadata.optional(),
};

export const deduct = command({
  subject: "credits.deduct",
  summary: "Takes credits for what is not a usage event: all or nothing",
  access: ["service"],
  http: { method: "post", path: "/deduct" },
  input: z.strictObject({ ...Use, amount: Amount }).refine(costAddsUp, COST_ADDS_UP),
  output: CreditBalance,
  faults: ["insufficient_credits", "idempotency_conflict", "idempotency_key_expired"],
});

export const checkBalance = command({
  subject: "credits.check",
  summary: "Whether a user could spend an amount now",
  access: ["service"],
  input: z.strictObject({ user_id: Id, amount: AmountOrZero }),
  output: z.object({ sufficient: z.boolean(), required: MoneyText, available: MoneyText }),
  faults: ["not_found"],
});

export const createAccount = command({
  subject: "credits.account.create",
  summary: "Provisions a user's account on the trial tier, once",
  access: ["service"],
  input: z.strictObject({ user_id: Id }),
  output: CreditBalance,
  faults: [],
});

export const listTiers = command({
  subject: "credits.tiers",
  summary: "The tiers, cheapest first",
  access: "public",
  http: { method: "get", path: "/tiers/compare" },
  input: z.strictObject({}),
  output: z.array(TierInfo),
  faults: [],
});

export const refund = command({
  subject: "credits.refund",
  summary: "Gives credits back: what is owed first, then the lots of the line it names, then a new lot",
  access: ["admin"],
  http: { method: "post", path: "/refund" },
  input: z.strictObject({
    user_id: Id,
    amount: Amount,
    reason: Text(255).min(1),
    transaction_id: z.uuid().optional(),
    metadata: Metadata.optional(),
  }),
  output: CreditBalance,
  faults: ["not_found", "idempotency_conflict", "idempotency_key_expired"],
});

/** A correction may take as well as give. */
const SignedAmount = z
  .string()
  .regex(/^-?\d{1,9}(\.\d{1,12})?$/, 'a correction is a decimal string such as "-1.50"')
  .transform((text) => decimal(text))
  .refine((amount) => !amount.isZero(), "a correction must not be 0");

export const adjust = command({
  subject: "credits.adjust",
  summary: "Corrects a mistake, up or down; down may leave a debt",
  access: ["admin"],
  input: z.strictObject({ user_id: Id, amount: SignedAmount, reason: Text(255).min(1), metadata: Metadata.optional() }),
  output: CreditBalance,
  faults: ["idempotency_conflict", "idempotency_key_expired"],
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

const HOLD_TTL_MAX_S = 7 * 86_400;

export const CreditHold = z.object({
  hold_id: z.string(),
  state: z.enum(["active", "captured", "released", "expired"]),
  amount: MoneyText,
  expires_at: Instant,
  /** What the user may spend besides. */
  available: MoneyText,
});

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

export const explainTransaction = command({
  subject: "credits.transaction.get",
  summary: "One line of the journal, and why it is what it is: lots, hold, usage, price, markup, actor, trace",
  access: ["user"],
  http: { method: "get", path: "/transactions/{id}" },
  input: z.strictObject({ ...OnUser, id: Id }),
  output: CreditTransaction.extend({
    seq: z.number().int(),
    counterparty: z.string(),
    key: z.string().nullable(),
    trace_id: z.string().nullable(),
    hash: z.string(),
    /** The line that this one gives back. */
    refunds: z.uuid().nullable(),
    /** Which lot, or the debt, gave or took how much. */
    draws: z.array(
      z.object({
        lot: z.union([z.number(), z.literal("debt")]),
        kind: z.string().nullable(),
        granted: MoneyText.nullable(),
        amount: MoneyText,
      }),
    ),
    hold: z
      .object({
        hold_id: z.string(),
        state: z.string(),
        amount: MoneyText,
        created_at: Instant,
        ended_at: Instant.nullable(),
      })
      .nullable(),
    /** The event that was charged, with its price and markup; null where the line is not of an event. */
    usage: explainUsage.output.nullable(),
  }),
  faults: ["not_found"],
});

export const creditsEventOutcomes = command({
  subject: "credits.event.outcomes",
  summary: "What became of events that credits consumes, in the order asked",
  access: "internal",
  input: z.strictObject({ events: z.array(z.strictObject({ user_id: Id, event_id: z.uuid() })).max(500) }),
  output: z.array(z.object({ event_id: z.uuid(), outcome: EventOutcome })),
  faults: [],
});

const Notice = z.object({
  id: z.uuid(),
  user_id: z.string(),
  amount: MoneyText,
  balance: MoneyText,
  available: MoneyText,
  at: Instant,
});

export const creditsGranted = event({
  subject: "credits.granted",
  summary: "Credits were granted to a user",
  data: Notice,
});
export const creditsOverdrawn = event({
  subject: "credits.overdrawn",
  summary: "A user's balance crossed zero downwards",
  data: Notice,
});
export const creditsLow = event({
  subject: "credits.low",
  summary: "What a user may spend fell below a tenth of his tier's monthly credits",
  data: Notice,
});
