/** The SQL of events: their identities, the events themselves, and the sums of them by hour and by day. */
import { printInstant } from "@tollbooth/shared/contract";
import type { Tx } from "@tollbooth/shared/db";
import { print } from "@tollbooth/shared/money";
import { sql, table, type Sql } from "@tollbooth/shared/sql";
import { z } from "zod";
import type { Answer, NewEvent, Reported } from "./event.ts";

/** Whose event of which reporter. */
export type Identity = Pick<Reported, "userId" | "source" | "eventId">;

const IDENTITY = { userId: "text", source: "text", eventId: "text" };

/**
 * Claims the identities of events; answers the ids of those that got theirs. A concurrent claim of the same is waited
 * for, so whoever did not get it finds the other's event. One that is a dead letter is claimed as if it were new.
 */
export async function claimIdentities(tx: Tx, events: readonly NewEvent[]): Promise<Set<string>> {
  if (events.length === 0) return new Set();
  const rows = events.map(({ userId, source, eventId, id, occurredAt, hash, createdAt }) => ({
    userId,
    source,
    eventId,
    id,
    occurredAt: new Date(occurredAt),
    hash,
    createdAt: new Date(createdAt),
  }));
  const columns = { ...IDENTITY, id: "uuid", occurredAt: "timestamptz", hash: "text", createdAt: "timestamptz" };
  const claimed = await tx.many(
    z.object({ id: z.string() }),
    sql`insert into usage_event_ids as i (user_id, source, event_id, outcome, id, occurred_at, content_hash, recorded_at)
        select user_id, source, event_id, 'recorded', id, occurred_at, hash, created_at
        from ${table(columns, rows)} as n (user_id, source, event_id, id, occurred_at, hash, created_at)
        order by user_id, source, event_id
        on conflict (user_id, source, event_id) do update
          set outcome = 'recorded', id = excluded.id, occurred_at = excluded.occurred_at, content_hash = excluded.content_hash, recorded_at = excluded.recorded_at
          where i.outcome = 'dead'
        returning id`,
  );
  return new Set(claimed.map(({ id }) => id));
}

/** An event that was recorded before. */
export interface Recorded extends Identity {
  readonly hash: string;
  readonly answer: Answer;
}

const RecordedRow = z.object({
  source: z.string(),
  event_id: z.string(),
  content_hash: z.string(),
  id: z.string(),
  user_id: z.string(),
  service: z.string(),
  model: z.string().nullable(),
  tokens_used: z.coerce.number(),
  provider_cost: z.string(),
  platform_markup: z.string(),
  total_cost: z.string(),
  charged: z.string(),
  is_free: z.boolean(),
  created_at: z.number(),
});

/** The recorded events of these identities. */
export async function readRecorded(tx: Tx, identities: readonly Identity[]): Promise<Recorded[]> {
  if (identities.length === 0) return [];
  const rows = await tx.many(
    RecordedRow,
    sql`select i.source, i.event_id, i.content_hash, e.id, e.user_id, e.service, e.model, e.tokens_used, e.provider_cost,
          e.platform_markup, e.total_cost, e.charged, e.is_free, e.created_at
        from ${table(IDENTITY, identities)} as k (user_id, source, event_id)
        join usage_event_ids i on (i.user_id, i.source, i.event_id) = (k.user_id, k.source, k.event_id)
        join usage_events e on (e.user_id, e.occurred_at, e.id) = (i.user_id, i.occurred_at, i.id)`,
  );
  return rows.map(({ source, event_id, content_hash, is_free, created_at, ...answer }) => ({
    userId: answer.user_id,
    source,
    eventId: event_id,
    hash: content_hash,
    answer: { ...answer, is_free_tier: is_free, created_at: printInstant(created_at) },
  }));
}

/** What became of identities: `undefined` for one that nobody reported. */
export async function readOutcomes(
  tx: Tx,
  identities: readonly Identity[],
): Promise<(identity: Identity) => "recorded" | "dead" | undefined> {
  const rows = await tx.many(
    z.object({ user_id: z.string(), source: z.string(), event_id: z.string(), outcome: z.enum(["recorded", "dead"]) }),
    sql`select i.user_id, i.source, i.event_id, i.outcome from ${table(IDENTITY, identities)} as k (user_id, source, event_id)
        join usage_event_ids i on (i.user_id, i.source, i.event_id) = (k.user_id, k.source, k.event_id)`,
  );
  const found = new Map(
    rows.map((row) => [identityKey({ userId: row.user_id, source: row.source, eventId: row.event_id }), row.outcome]),
  );
  return (identity) => found.get(identityKey(identity));
}

/** One text for an identity; none of its parts can hold the NUL between them. */
export function identityKey({ userId, source, eventId }: Identity): string {
  return `${userId}\0${source}\0${eventId}`;
}

// prettier-ignore
const EVENT = {
  user_id: "text", occurred_at: "timestamptz", id: "uuid", source: "text", event_id: "text", service: "text", model: "text",
  tokens_used: "bigint", input_tokens: "bigint", output_tokens: "bigint", cached_tokens: "bigint", cache_write_tokens: "bigint",
  reasoning_tokens: "bigint", media_tokens: "jsonb", split_assumed: "boolean", quantity: "numeric", unit: "text", basis: "text",
  price_id: "uuid", markup_class: "text", markup_rate: "numeric", provider_cost: "numeric", platform_markup: "numeric",
  total_cost: "numeric", charged: "numeric", free_value: "numeric", is_free: "boolean", byok: "boolean", hold_id: "text",
  metadata: "jsonb", created_at: "timestamptz",
};

const EVENT_COLUMNS = sql`user_id, occurred_at, id, source, event_id, service, model,
  tokens_used, input_tokens, output_tokens, cached_tokens, cache_write_tokens,
  reasoning_tokens, media_tokens, split_assumed, quantity, unit, basis,
  price_id, markup_class, markup_rate, provider_cost, platform_markup,
  total_cost, charged, free_value, is_free, byok, hold_id,
  metadata, created_at`;

type EventRow = Record<keyof typeof EVENT, unknown>;

function rowOf({ userId, occurredAt, id, source, eventId, report, cost, createdAt }: NewEvent): EventRow {
  return {
    user_id: userId,
    occurred_at: new Date(occurredAt),
    id,
    source,
    event_id: eventId,
    service: report.service,
    model: report.model ?? null,
    tokens_used: cost.split.used,
    input_tokens: cost.split.input,
    output_tokens: cost.split.output,
    cached_tokens: report.cached_tokens ?? 0,
    cache_write_tokens: report.cache_write_tokens ?? 0,
    reasoning_tokens: report.reasoning_tokens ?? 0,
    media_tokens: mediaTokens(report),
    split_assumed: cost.split.assumed,
    quantity: report.quantity?.toFixed() ?? null,
    unit: report.unit ?? null,
    basis: cost.basis,
    price_id: cost.price?.id ?? null,
    markup_class: cost.class,
    markup_rate: cost.rate.toFixed(),
    provider_cost: print(cost.providerCost),
    platform_markup: print(cost.platformMarkup),
    total_cost: print(cost.totalCost),
    charged: print(cost.charged),
    free_value: print(cost.freeValue),
    is_free: cost.isFree,
    byok: report.byok ?? false,
    hold_id: report.hold_id ?? null,
    metadata: JSON.stringify(report.metadata ?? {}),
    created_at: new Date(createdAt),
  };
}

function mediaTokens({
  image_tokens,
  cached_image_tokens,
  image_output_tokens,
  audio_tokens,
  cached_audio_tokens,
  audio_output_tokens,
}: NewEvent["report"]): string | null {
  const text = JSON.stringify({
    image_tokens,
    cached_image_tokens,
    image_output_tokens,
    audio_tokens,
    cached_audio_tokens,
    audio_output_tokens,
  });
  return text === "{}" ? null : text;
}

/** Writes new events and adds them to the sums of their hours and days. */
export async function writeEvents(tx: Tx, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map(rowOf);
  await tx.run(sql`insert into usage_events (${EVENT_COLUMNS}) select * from ${table(EVENT, rows)}`);
  const summed = table<keyof typeof SUMMED>(SUMMED, rows);
  await addToSums(tx, sql`usage_hours`, sql`'hour'`, summed);
  await addToSums(tx, sql`usage_days`, sql`'day'`, summed);
}

// prettier-ignore
const SUMMED = {
  user_id: "text", occurred_at: "timestamptz", service: "text", model: "text", is_free: "boolean", tokens_used: "bigint",
  input_tokens: "bigint", output_tokens: "bigint", cached_tokens: "bigint", cache_write_tokens: "bigint", reasoning_tokens: "bigint",
  provider_cost: "numeric", total_cost: "numeric", charged: "numeric",
};

/** Grouped first, then in key order: two batches that touch the same sums wait for each other and never deadlock. */
async function addToSums(tx: Tx, sums: Sql, unit: Sql, rows: Sql): Promise<void> {
  await tx.run(
    sql`insert into ${sums} as s (user_id, bucket, service, model, is_free, event_count, tokens, input_tokens, output_tokens,
          cached_tokens, cache_write_tokens, reasoning_tokens, provider_cost, total_cost, charged)
        select user_id, date_trunc(${unit}, occurred_at, 'UTC') as bucket, service, coalesce(model, '') as model, is_free, count(*),
          sum(tokens_used), sum(input_tokens), sum(output_tokens), sum(cached_tokens), sum(cache_write_tokens), sum(reasoning_tokens),
          sum(provider_cost), sum(total_cost), sum(charged)
        from ${rows} as e (user_id, occurred_at, service, model, is_free, tokens_used, input_tokens, output_tokens, cached_tokens,
          cache_write_tokens, reasoning_tokens, provider_cost, total_cost, charged)
        group by user_id, bucket, service, coalesce(model, ''), is_free
        order by user_id, bucket, service, model, is_free
        on conflict (user_id, bucket, service, model, is_free) do update set
          event_count = s.event_count + excluded.event_count, tokens = s.tokens + excluded.tokens,
          input_tokens = s.input_tokens + excluded.input_tokens, output_tokens = s.output_tokens + excluded.output_tokens,
          cached_tokens = s.cached_tokens + excluded.cached_tokens, cache_write_tokens = s.cache_write_tokens + excluded.cache_write_tokens,
          reasoning_tokens = s.reasoning_tokens + excluded.reasoning_tokens, provider_cost = s.provider_cost + excluded.provider_cost,
          total_cost = s.total_cost + excluded.total_cost, charged = s.charged + excluded.charged`,
  );
}
