/** What the usage service answers and publishes: events in, exact costs, flat reads. */
import { z } from "zod";
import { command, event, EventId, Id, Instant, Metadata, OnUser } from "../contract.ts";
import { AmountOrZero, MoneyText } from "../money.ts";
import { CostBreakdown, EventOutcome } from "./credits.ts";

const Tokens = z.number().int().min(0).max(1_000_000_000);

/** What a `quantity` counts when it is not tokens. */
export const UNITS = ["image", "request", "character", "second", "query"] as const;

/** The quantities of one request; `tokens` alone is taken as half input, half output. */
export const Quantities = {
  tokens: Tokens.optional(),
  /** Includes cached and cache-written tokens. */
  input_tokens: Tokens.optional(),
  /** Includes reasoning tokens. */
  output_tokens: Tokens.optional(),
  cached_tokens: Tokens.optional(),
  cache_write_tokens: Tokens.optional(),
  reasoning_tokens: Tokens.optional(),
  /** An exact decimal: seconds may have places. */
  quantity: AmountOrZero.optional(),
  unit: z.enum(UNITS).optional(),
};

/** What may be said of one use of a service. The fields after `metadata` are for services and admins. */
export const UsageReport = z.strictObject({
  service: Id,
  model: Id.optional(),
  ...Quantities,
  /** The total the user pays, markup included. Never together with provider_cost. */
  cost: AmountOrZero.optional(),
  /** What the provider takes; markup is added. */
  provider_cost: AmountOrZero.optional(),
  is_free: z.boolean().optional(),
  event_id: EventId.optional(),
  occurred_at: Instant.optional(),
  metadata: Metadata.optional(),
  ...OnUser,
  byok: z.boolean().optional(),
  hold_id: Id.optional(),
  source: Id.optional(),
});

export const UsageEvent = z.object({
  id: z.uuid(),
  user_id: z.string(),
  service: z.string(),
  model: z.string().nullable(),
  tokens_used: z.number().int(),
  provider_cost: MoneyText,
  platform_markup: MoneyText,
  total_cost: MoneyText,
  /** What the user's credits pay: total_cost, or 0 for free usage, or the platform's fee for a user's own key. */
  charged: MoneyText,
  is_free_tier: z.boolean(),
  created_at: Instant,
});

export const trackUsage = command({
  subject: "usage.track",
  summary: "Records usage once per event and charges it; a repeat answers the first event",
  access: ["user", "service"],
  http: { method: "post", path: "/usage/track" },
  input: UsageReport,
  output: UsageEvent,
  faults: ["unpriced_model", "idempotency_conflict", "idempotency_key_expired"],
});

/** One item of a batch is parsed by itself, so that a bad one never sinks the others. */
export const trackUsageBatch = command({
  subject: "usage.track.batch",
  summary: "Records up to 1,000 events; one answer per item, in the same order",
  access: ["user", "service"],
  http: { method: "post", path: "/usage/track/batch" },
  input: z.strictObject({ events: z.array(z.unknown()).min(1).max(1000) }),
  output: z.array(
    z.object({
      status: z.enum(["recorded", "duplicate", "refused"]),
      event: UsageEvent.optional(),
      problem: z.object({ code: z.string(), detail: z.string(), errors: z.array(z.object({ path: z.string(), message: z.string() })).optional() }).optional(),
    }),
  ),
  faults: ["idempotency_conflict", "idempotency_key_expired"],
  bodyMaxBytes: 1_000_000,
});

/** Reports that are not confirmed here are sent again by their reporter, with the same event_id. */
export const usageEventOutcomes = command({
  subject: "usage.event.outcomes",
  summary: "What became of a reporter's events, in the order asked",
  access: "internal",
  input: z.strictObject({
    source: Id,
    events: z.array(z.strictObject({ user_id: Id, event_id: EventId })).max(500),
  }),
  output: z.array(z.object({ event_id: z.string(), outcome: EventOutcome })),
  faults: [],
});

/** A use of a service was recorded and priced; whoever holds the user's credits applies it once. */
export const usageTracked = event({
  subject: "usage.tracked",
  summary: "Usage was recorded and priced",
  data: z.object({
    /** The usage event's id = the outbox row's id = the message's id = the consumer's key. */
    id: z.uuid(),
    source: z.string(),
    source_event_id: z.string(),
    user_id: z.string(),
    service: z.string(),
    model: z.string().nullable(),
    /** What credits takes: 0 for free usage. */
    charged: MoneyText,
    cost_breakdown: CostBreakdown,
    is_free: z.boolean(),
    /** What free usage would have cost on the paid sibling of the same model. */
    free_value: MoneyText,
    hold_id: z.string().nullable(),
    occurred_at: Instant,
  }),
});
