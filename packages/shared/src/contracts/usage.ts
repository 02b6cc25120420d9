/** What the usage service answers and publishes: events in, exact costs, flat reads. */
import { z } from "zod";
import { command, event, EventId, Id, Instant, Moment, Metadata, OnUser, report } from "../contract.ts";
import { AmountOrZero, MoneyText } from "../money.ts";
import { CostBreakdown, EventOutcome } from "./shapes.ts";

export const Tokens = z.number().int().min(0).max(1_000_000_000);

/** What a `quantity` counts when it is not tokens. */
export const UNITS = ["image", "request", "character", "second", "query"] as const;

/** The quantities of one request; `tokens` alone is taken as half input, half output. */
const Quantities = {
  tokens: Tokens.optional(),
  input_tokens: Tokens.optional().describe("Includes cached and cache-written tokens."),
  output_tokens: Tokens.optional().describe("Includes reasoning tokens."),
  cached_tokens: Tokens.optional(),
  cache_write_tokens: Tokens.optional(),
  reasoning_tokens: Tokens.optional(),
  /** Parts of the input and of its cached part, of the output: they may have prices of their own. */
  image_tokens: Tokens.optional(),
  cached_image_tokens: Tokens.optional(),
  image_output_tokens: Tokens.optional(),
  audio_tokens: Tokens.optional(),
  cached_audio_tokens: Tokens.optional(),
  audio_output_tokens: Tokens.optional(),
  quantity: AmountOrZero.optional().describe("An exact decimal: seconds may have places."),
  unit: z.enum(UNITS).optional(),
};

/** What is used, and what the reporter knows of its cost. */
export const Use = {
  service: Id,
  model: Id.optional(),
  ...Quantities,
  cost: AmountOrZero.optional().describe(
    "The total the user pays, markup included. Never together with provider_cost.",
  ),
  provider_cost: AmountOrZero.optional().describe("What the provider takes; markup is added."),
  is_free: z.boolean().optional(),
};

interface Stated {
  readonly cost?: unknown;
  readonly provider_cost?: unknown;
  readonly quantity?: unknown;
  readonly unit?: unknown;
}
/** A use has one cost, as the total or as what the provider takes. */
export const oneCost = (use: Stated) => use.cost === undefined || use.provider_cost === undefined;
/** A unit says what a quantity counts. */
export const unitCounts = (use: Stated) => use.unit === undefined || use.quantity !== undefined;
export const ONE_COST = {
  path: ["cost"],
  message: "state cost (the total) or provider_cost (markup is added), not both",
};
export const UNIT_COUNTS = { path: ["quantity"], message: "a unit needs a quantity" };

/** The fields after `metadata` are for services and admins. */
const Report = {
  ...Use,
  event_id: EventId.optional(),
  occurred_at: Instant.optional(),
  metadata: Metadata.optional(),
  ...OnUser,
  byok: z.boolean().optional(),
  hold_id: Id.optional(),
  source: Id.optional(),
};

/** What may be said of one use of a service. */
export const UsageReport = z
  .strictObject(Report)
  .refine(oneCost, ONE_COST)
  .refine(unitCounts, UNIT_COUNTS)
  .meta({ id: "UsageReport" });
export type UsageReport = z.output<typeof UsageReport>;

export const UsageEvent = z
  .object({
    id: z.uuid(),
    user_id: z.string(),
    service: z.string(),
    model: z.string().nullable(),
    tokens_used: z.number().int(),
    provider_cost: MoneyText,
    platform_markup: MoneyText,
    total_cost: MoneyText,
    charged: MoneyText.describe(
      "What the user's credits pay: total_cost, or 0 for free usage, or the platform's fee for a user's own key.",
    ),
    is_free_tier: z.boolean(),
    created_at: Moment,
  })
  .meta({ id: "UsageEvent" });

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
const Item = z.unknown().meta({ wire: UsageReport });

export const trackUsageBatch = command({
  subject: "usage.track.batch",
  summary: "Records up to 1,000 events; one answer per item, in the same order",
  access: ["user", "service"],
  http: { method: "post", path: "/usage/track/batch" },
  input: z.strictObject({ events: z.array(Item).min(1).max(1000) }),
  output: z.array(
    z.object({
      status: z.enum(["recorded", "duplicate", "refused"]),
      event: UsageEvent.optional(),
      problem: z
        .object({
          code: z.string(),
          detail: z.string(),
          errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
        })
        .optional(),
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

/** What a reporter publishes on a subject of its own: its name is the last token. Without `event_id` the header ce-id is it. */
export const usageReported = report({
  subject: "usage.report.*",
  summary: "A service was used, says a reporter",
  data: z
    .strictObject({ ...Report, user_id: Id })
    .refine(oneCost, ONE_COST)
    .refine(unitCounts, UNIT_COUNTS),
});

/** A use of a service was recorded and priced; whoever holds the user's credits applies it once. */
export const usageTracked = event({
  subject: "usage.tracked",
  summary: "Usage was recorded and priced",
  data: z.object({
    id: z.uuid().describe("The usage event's id = the outbox row's id = the message's id = the consumer's key."),
    source: z.string(),
    source_event_id: z.string(),
    user_id: z.string(),
    service: z.string(),
    model: z.string().nullable(),
    charged: MoneyText.describe("What credits takes: 0 for free usage."),
    cost_breakdown: CostBreakdown,
    is_free: z.boolean(),
    free_value: MoneyText.describe("What free usage would have cost on the paid sibling of the same model."),
    hold_id: z.string().nullable(),
    occurred_at: Moment,
  }),
});

// ---- reads ------------------------------------------------------------------------------------------------

const DAY_MS = 86_400_000;
const PERIOD_HELP = { error: "a time such as 2026-01-31T12:00:00Z, or a date such as 2026-01-31" };
const Day = z.iso.date().transform((text) => Date.parse(text));
/** Beyond them a time has no RFC 3339 text, or soon none. */
const isReadable = (ms: number) => ms >= 0 && ms < Date.UTC(9999, 0);
const READABLE = "a period lies between the years 1970 and 9998";

/** Where a period ends, and the last moment at which one that ends there may start. */
const End = z
  .union(
    [
      Instant.transform((ms) => ({ end: ms, last: ms })),
      Day.transform((ms) => ({ end: ms + DAY_MS, last: ms + DAY_MS - 1 })),
    ],
    PERIOD_HELP,
  )
  .refine(({ end }) => isReadable(end), READABLE);

/** A period as a query states it: an end that is an instant is exclusive, an end that is a date includes its day. */
const Period = {
  start_date: z
    .union([Instant, Day], PERIOD_HELP)
    .refine(isReadable, READABLE)
    .optional()
    .describe("Where the period starts: a time, or a UTC date."),
  end_date: End.optional().describe("Where it ends: a time (exclusive), or a UTC date whose day is included."),
};

const Whole = z.number().int();
const PeriodRead = z.object({ start: Moment, end: Moment });

export const UsageSummary = z
  .object({
    total_events: Whole,
    total_tokens: Whole,
    total_cost: MoneyText,
    free_tier_events: Whole,
    paid_tier_events: Whole,
    services: z.record(z.string(), z.object({ event_count: Whole, tokens: Whole, cost: MoneyText })),
    period: PeriodRead.describe("What was read: a period older than the kept events is cut to whole hours."),
  })
  .meta({ id: "UsageSummary" });

export const usageSummary = command({
  subject: "usage.summary",
  summary: "What a user used in a period, by service; the last 30 days where none is given",
  access: ["user"],
  http: { method: "get", path: "/usage/summary" },
  input: z.strictObject({ ...OnUser, ...Period }),
  output: UsageSummary,
  faults: ["not_found"],
});

export const usageByModel = command({
  subject: "usage.by-model",
  summary: "What a user used in a period, by model, highest cost first",
  access: ["user"],
  http: { method: "get", path: "/usage/by-model" },
  input: z.strictObject({ ...OnUser, ...Period }),
  output: z.array(
    z.object({
      service: z.string(),
      model: z.string().nullable(),
      event_count: Whole,
      total_tokens: Whole,
      total_cost: MoneyText,
      avg_tokens: z.number().describe("Tokens per event, rounded to two places."),
      free_events: Whole,
    }),
  ),
  faults: ["not_found"],
});

export const usageByService = command({
  subject: "usage.by-service",
  summary: "What a user used in a period, by service, highest cost first",
  access: ["user"],
  http: { method: "get", path: "/usage/by-service" },
  input: z.strictObject({ ...OnUser, ...Period }),
  output: z.array(
    z.object({
      service: z.string(),
      event_count: Whole,
      total_tokens: Whole,
      total_cost: MoneyText,
      unique_models: Whole,
      free_events: Whole,
    }),
  ),
  faults: ["not_found"],
});

export const usageFreeTier = command({
  subject: "usage.free-tier",
  summary: "A user's free usage of this month (UTC)",
  access: ["user"],
  http: { method: "get", path: "/usage/free-tier" },
  input: z.strictObject({ ...OnUser }),
  output: z.object({
    total_free_events: Whole,
    total_free_tokens: Whole,
    unique_free_models: Whole,
    models: z.array(z.object({ model: z.string().nullable(), event_count: Whole, tokens: Whole })),
    period: PeriodRead,
  }),
  faults: ["not_found"],
});

export const usageDaily = command({
  subject: "usage.daily",
  summary: "What a user used today (UTC)",
  access: ["user", "service"],
  input: z.strictObject({ ...OnUser }),
  output: UsageSummary,
  faults: ["not_found"],
});
