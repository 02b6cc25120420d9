/** What a chat on a user's own key used and what it cost him, as usage is told it. Pure. */
import { printInstant } from "@tollbooth/shared/contract";
import type { UsageReport } from "@tollbooth/shared/contracts/usage";
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

/** A chat that was answered. */
export interface Answered {
  readonly userId: string;
  readonly requestId: string;
  /** The one that served, of whatever was asked. */
  readonly model: string;
  readonly generationId: string | null;
  readonly atMs: number;
}

/** Who reports: the name of our events' source. */
export const SOURCE = "openrouter";

/** The report of a chat: the same however often it is told. */
export function reportOf(answered: Answered, used: UsageFacts): z.input<typeof UsageReport> {
  const { userId, requestId, model, generationId, atMs } = answered;
  const cost = costOf(used);
  return {
    user_id: userId,
    source: SOURCE,
    event_id: requestId,
    occurred_at: printInstant(atMs),
    service: "openrouter",
    model,
    byok: true,
    input_tokens: used.promptTokens,
    output_tokens: used.completionTokens,
    cached_tokens: used.cachedTokens,
    cache_write_tokens: used.cacheWriteTokens,
    reasoning_tokens: used.reasoningTokens,
    ...(cost !== undefined && { provider_cost: print(cost) }),
    ...(generationId !== null && { metadata: { generation_id: generationId } }),
  };
}

/** What the user paid in all; undefined where that was not told, and the price list has to say it. */
function costOf({ cost, isByok, upstreamCost }: UsageFacts): Money | undefined {
  if (cost === null || cost.isNegative()) return undefined;
  return round12(isByok ? cost.plus(upstreamCost ?? ZERO) : cost);
}
