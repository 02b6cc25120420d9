/** What a request used and what it cost, as usage is told it. Pure. */
import { printInstant } from "@tollbooth/shared/contract";
import type { UsageReport } from "@tollbooth/shared/contracts/usage";
import type { FaultCode } from "@tollbooth/shared/fault";
import { print, round12, ZERO, type Money } from "@tollbooth/shared/money";
import type { z } from "zod";

/** What OpenRouter tells of a chat. */
export interface UsageFacts {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
  readonly reasoningTokens: number;
  /** What OpenRouter billed; null where it does not tell. */
  readonly cost: Money | null;
  /** The account brought a provider's key of its own: then `cost` is OpenRouter's fee alone. */
  readonly isByok: boolean;
  /** What the provider billed that key. Otherwise a part of `cost`, which is not added again. */
  readonly upstreamCost: Money | null;
}

/** How a request ended: answered whole, its client gone before, broken off, or its bill asked for afterwards. */
export type Ending = "completed" | "left" | "broken" | "looked up";

/** A request that was served. */
export interface Served {
  readonly userId: string;
  readonly requestId: string;
  readonly payer: "byok" | "managed";
  readonly holdId: string | null;
  /** It was shown as free. */
  readonly isFree: boolean;
  /** The one that served, of whatever was asked. */
  readonly model: string;
  readonly generationId: string | null;
  readonly ending: Ending;
  readonly atMs: number;
  /** Until the answer's end and until its first token; undefined where nobody measured. */
  readonly latencyMs?: number | undefined;
  readonly firstTokenMs?: number | undefined;
}

/** Who reports: the name of our events' source. */
export const SOURCE = "openrouter";

/** The report of a request: the same however often it is told. */
export function reportOf(served: Served, used: UsageFacts): z.input<typeof UsageReport> {
  const { userId, requestId, payer, holdId, isFree, model, generationId, ending, atMs } = served;
  const cost = costOf(used);
  return {
    user_id: userId,
    source: SOURCE,
    event_id: requestId,
    occurred_at: printInstant(atMs),
    service: "openrouter",
    model,
    ...(payer === "byok" && { byok: true }),
    ...(holdId !== null && { hold_id: holdId }),
    // What was shown as free is, whatever OpenRouter billed.
    ...(isFree && { is_free: true }),
    input_tokens: used.promptTokens,
    output_tokens: used.completionTokens,
    cached_tokens: used.cachedTokens,
    cache_write_tokens: used.cacheWriteTokens,
    reasoning_tokens: used.reasoningTokens,
    ...(cost !== undefined && { provider_cost: print(cost) }),
    metadata: {
      ...(generationId !== null && { generation_id: generationId }),
      status: ending,
      is_byok: used.isByok,
      ...(served.latencyMs !== undefined && { latency_ms: served.latencyMs }),
      ...(served.firstTokenMs !== undefined && { first_token_ms: served.firstTokenMs }),
    },
  };
}

/** A request that came to nothing: it was refused, by us or by OpenRouter, or nobody ever told its bill. */
export interface Unserved extends Pick<Served, "userId" | "requestId" | "payer" | "model" | "atMs" | "latencyMs"> {
  /** Names this refusal: the same request may be refused again, and be served in the end. */
  readonly eventId: string;
  readonly status: "refused" | "lost";
  /** Why it was refused. */
  readonly code?: FaultCode;
}

/** The report of a request that came to nothing and costs nothing. It counts as no use of a free model. */
export function unservedReport({ userId, requestId, eventId, payer, model, atMs, ...how }: Unserved) {
  return {
    user_id: userId,
    source: SOURCE,
    event_id: eventId,
    occurred_at: printInstant(atMs),
    service: "openrouter",
    model,
    ...(payer === "byok" && { byok: true }),
    is_free: false,
    provider_cost: print(ZERO),
    metadata: {
      request_id: requestId,
      status: how.status,
      ...(how.code !== undefined && { code: how.code }),
      ...(how.latencyMs !== undefined && { latency_ms: how.latencyMs }),
    },
  } satisfies z.input<typeof UsageReport>;
}

/** What was paid in all; undefined where that was not told, and the price list has to say it. */
export function costOf({ cost, isByok, upstreamCost }: UsageFacts): Money | undefined {
  if (cost === null || cost.isNegative()) return undefined;
  return round12(isByok ? cost.plus(upstreamCost ?? ZERO) : cost);
}
