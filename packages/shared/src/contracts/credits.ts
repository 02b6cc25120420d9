/** What the credits service answers and publishes: the ledger's public face. */
import { z } from "zod";
import { command, event, Id, Instant, KeptMetadata, Moment, Metadata, OnUser, Page, Text } from "../contract.ts";
import { Amount, AmountOrZero, decimal, MoneyText } from "../money.ts";
import { explainUsage } from "./explain.ts";
import { COST_ADDS_UP, CostBreakdown, costAddsUp, EventOutcome, Use } from "./shapes.ts";

export const CreditBalance = z
  .object({
    user_id: z.string(),
    balance: MoneyText.describe("Live lots + held - debt: below zero when more was served than paid for."),
    available: MoneyText.describe("Live lots - debt: what may be spent now."),
    held: MoneyText,
    allocated_monthly: MoneyText.describe("What the tier grants each period."),
    bonus_credits: MoneyText.describe("What is left of bonus lots."),
    free_tier_used: MoneyText.describe(
      "What this period's free usage would have cost on the paid sibling of the same model.",
    ),
    tier: z.string(),
    reset_date: Moment,
    last_updated: Moment,
    created_at: Moment,
  })
  .meta({ id: "CreditBalance" });

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

export const CreditTransaction = z
  .object({
    id: z.uuid(),
    user_id: z.string(),
    amount: MoneyText,
    balance_after: MoneyText,
    transaction_type: TransactionType,
    service: z.string().nullable(),
    model: z.string().nullable(),
    cost_breakdown: CostBreakdown.nullable(),
    actor: z.object({ sub: z.string(), role: z.string() }),
    reason: z.string().nullable().describe("Why: allocate's `source`, refund's `reason`."),
    metadata: KeptMetadata,
    created_at: Moment,
  })
  .meta({ id: "CreditTransaction" });

/** The balance at a past moment, as the journal tells it. */
export const PastBalance = z
  .object({
    user_id: z.string(),
    as_of: Moment,
    balance: MoneyText,
    transaction_id: z.uuid().nullable().describe("The last line until then; null where there was none."),
  })
  .meta({ id: "PastBalance" });

export const getBalance = command({
  subject: "credits.balance",
  summary: "What a user may spend; with `as_of`, what his balance was at a past moment",
  access: ["user"],
  http: { method: "get", path: "/balance" },
  input: z.strictObject({
    ...OnUser,
    as_of: Instant.optional().describe("The past moment whose balance is asked for."),
  }),
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
    ...Page(50),
    transaction_type: TransactionType.optional().describe("Only lines of this kind."),
  }),
  output: z.array(CreditTransaction),
  faults: ["not_found"],
});

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

export const explainTransaction = command({
  subject: "credits.transaction.get",
  summary: "One line of the journal, and why it is what it is: lots, hold, usage, price, markup, actor, trace",
  access: ["user"],
  http: { method: "get", path: "/transactions/{id}" },
  input: z.strictObject({ ...OnUser, id: Id.describe("The line, by its id.") }),
  output: CreditTransaction.extend({
    seq: z.number().int(),
    counterparty: z.string(),
    key: z.string().nullable(),
    trace_id: z.string().nullable(),
    hash: z.string(),
    refunds: z.uuid().nullable().describe("The line that this one gives back."),
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
        created_at: Moment,
        ended_at: Moment.nullable(),
      })
      .nullable(),
    usage: explainUsage.output
      .nullable()
      .describe("The event that was charged, with its price and markup; null where the line is not of an event."),
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
  at: Moment,
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
