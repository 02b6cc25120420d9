/** What the credits service answers and publishes: the ledger's public face. */
import { z } from "zod";
import { command, Count, event, Id, Instant, Metadata, OnUser, Text } from "../contract.ts";
import { Amount, AmountOrZero, MoneyText } from "../money.ts";

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

export const CostBreakdown = z.object({ provider_cost: MoneyText, markup: MoneyText, total: MoneyText });

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
});

export const getBalance = command({
  subject: "credits.balance",
  summary: "What a user may spend",
  access: ["user"],
  http: { method: "get", path: "/balance" },
  input: z.strictObject({ ...OnUser }),
  output: CreditBalance,
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

export const deduct = command({
  subject: "credits.deduct",
  summary: "Takes credits for what is not a usage event: all or nothing",
  access: ["service"],
  http: { method: "post", path: "/deduct" },
  input: z
    .strictObject({
      user_id: Id,
      amount: Amount,
      service: Id,
      model: Id.optional(),
      cost_breakdown: z
        .strictObject({ provider_cost: AmountOrZero, markup: AmountOrZero, total: AmountOrZero })
        .optional(),
      metadata: Metadata.optional(),
    })
    .refine(
      ({ amount, cost_breakdown: b }) =>
        b === undefined || (b.total.eq(amount) && b.provider_cost.plus(b.markup).eq(b.total)),
      { path: ["cost_breakdown"], message: "provider_cost + markup must equal total, and total must equal amount" },
    ),
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

/** What became of an event at its consumer. `unknown`: it has not been applied (yet). */
export const EventOutcome = z.enum(["applied", "rejected", "dead", "unknown"]);

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
