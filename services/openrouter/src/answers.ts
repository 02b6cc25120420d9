/** The shapes of OpenRouter's answers, as far as we read them. Their numbers are the texts that they were. Pure. */
import { z } from "zod";
import { decimal, type Money } from "@tollbooth/shared/money";
import type { UsageFacts } from "./bill.ts";
import type { CreditsFacts, KeyFacts } from "./remaining.ts";

/** A figure as it stands in the text: numbers are left as texts by our parser. */
const Figure = z
  .string()
  .regex(/^-?\d{1,40}(\.\d{1,60})?([eE][+-]?\d{1,2})?$/)
  .transform((text): Money => decimal(text));

/** GET /key. */
export const KeyAnswer = z
  .object({
    data: z.object({
      limit_remaining: Figure.nullish(),
      is_management_key: z.boolean().nullish(),
      creator_user_id: z.string().min(1).max(255).nullish(),
    }),
  })
  .transform(({ data }): KeyFacts => ({
    limitRemaining: data.limit_remaining ?? null,
    isManagementKey: data.is_management_key ?? false,
    creatorUserId: data.creator_user_id ?? null,
  }));

/** GET /credits. */
export const CreditsAnswer = z
  .object({ data: z.object({ total_credits: Figure, total_usage: Figure }) })
  .transform(({ data }): CreditsFacts => ({ totalCredits: data.total_credits, totalUsage: data.total_usage }));

/** POST /auth/keys. */
export const RedeemAnswer = z.object({ key: z.string().regex(/^sk-or-[A-Za-z0-9_-]{8,249}$/) });

/** GET /models: each model is read by itself. */
export const ModelsAnswer = z.object({ data: z.array(z.unknown()) });

/** What is told instead of a result. The id of the key's owner stands beside it, and is left there. */
export const Failure = z.object({
  error: z.object({
    code: z.string().optional(),
    http_status: z.string().optional(),
    message: z.string().optional(),
    error_type: z.string().optional(),
  }),
});

/** A number of tokens; what is told as null is none. */
const Count = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number)
  .nullish()
  .transform((count) => count ?? 0);
const ChatUsage = z
  .object({
    prompt_tokens: Count,
    completion_tokens: Count,
    prompt_tokens_details: z.object({ cached_tokens: Count, cache_write_tokens: Count }).nullish(),
    completion_tokens_details: z.object({ reasoning_tokens: Count }).nullish(),
    cost: Figure.nullish(),
    is_byok: z.boolean().nullish(),
    cost_details: z.object({ upstream_inference_cost: Figure.nullish() }).nullish(),
  })
  .transform((usage): UsageFacts => ({
    promptTokens: usage.prompt_tokens,
    completionTokens: usage.completion_tokens,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
    cacheWriteTokens: usage.prompt_tokens_details?.cache_write_tokens ?? 0,
    reasoningTokens: usage.completion_tokens_details?.reasoning_tokens ?? 0,
    cost: usage.cost ?? null,
    isByok: usage.is_byok ?? false,
    upstreamCost: usage.cost_details?.upstream_inference_cost ?? null,
  }));

/** POST /chat/completions and /embeddings, and each chunk of a stream, as far as they are not passed on unread. */
export const ChatAnswer = z.object({
  id: z.string().min(1).max(255).nullish().catch(undefined),
  model: z.string().min(1).max(255),
  usage: ChatUsage.nullish(),
});

/** GET /generation: a bill. */
export const GenerationAnswer = z
  .object({
    data: z.object({
      id: z.string(),
      model: z.string().min(1).max(255),
      total_cost: Figure,
      is_byok: z.boolean(),
      upstream_inference_cost: Figure.nullish(),
      native_tokens_prompt: Count,
      native_tokens_completion: Count,
      native_tokens_cached: Count,
      native_tokens_reasoning: Count,
    }),
  })
  .transform(({ data }) => ({
    generationId: data.id,
    model: data.model,
    usage: {
      promptTokens: data.native_tokens_prompt,
      completionTokens: data.native_tokens_completion,
      cachedTokens: data.native_tokens_cached,
      cacheWriteTokens: 0,
      reasoningTokens: data.native_tokens_reasoning,
      cost: data.total_cost,
      isByok: data.is_byok,
      upstreamCost: data.upstream_inference_cost ?? null,
    } satisfies UsageFacts,
  }));
