/** What people use, and what its reporter says of one use. Pure. */
import type { z } from "zod";
import type { UsageReport } from "@tollbooth/shared/contracts/usage";
import type { Dice } from "./dice.ts";
import type { Request } from "./traffic.ts";

/** Who tells the platform, and how. */
export type Way =
  /** The user's own program, over REST with his token. */
  | { readonly by: "user" }
  /** A service, over REST, one by one or many at once. */
  | { readonly by: "track" | "batch"; readonly source: string }
  /** A service, over NATS: it publishes `usage.report.<source>`. */
  | { readonly by: "report"; readonly source: string }
  /** Nobody has to: the platform's proxy asks OpenRouter with the user's own key or its own, and sees what that used. */
  | { readonly by: "proxy"; readonly key: "byok" | "managed" };

/** What is told of a use, beside who, when and under which id. */
export type Told = Omit<z.input<typeof UsageReport>, "user_id" | "event_id" | "occurred_at" | "source">;

export interface Use {
  readonly way: Way;
  /** Made of a request to a language model: only such a use can stand for a line of a trace. */
  readonly isChat: boolean;
  readonly tell: (request: Request, dice: Dice) => Told;
}

export const OWN_PROGRAM: Way = { by: "user" };
export const LLM_PROXY: Way = { by: "report", source: "llm-proxy" };
export const OWN_KEY: Way = { by: "proxy", key: "byok" };
export const MANAGED_KEY: Way = { by: "proxy", key: "managed" };
const AGENTS: Way = { by: "report", source: "agents" };
const SPEECH: Way = { by: "report", source: "speech" };
const SEARCH: Way = { by: "track", source: "search" };
const INDEXER: Way = { by: "batch", source: "indexer" };

/** Models of OpenRouter, at least one of every class, and what else their providers count. */
// prettier-ignore
export const MODELS = {
  "deepseek/deepseek-chat-v3-0324:free":    {},
  "meta-llama/llama-3.3-70b-instruct:free": {},
  "openai/gpt-4o-mini":                     { caches: true },
  "meta-llama/llama-3.3-70b-instruct":      {},
  "deepseek/deepseek-r1":                   { reasons: true },
  "google/gemini-2.5-flash":                { caches: true, reasons: true },
  "openai/gpt-4.1":                         { caches: true },
  "google/gemini-2.5-pro":                  { caches: true, reasons: true },
  "anthropic/claude-sonnet-4":              { caches: true, writes: true },
  "anthropic/claude-opus-4":                { caches: true, writes: true },
  "openai/o1":                              { caches: true, reasons: true },
  "openai/o1-pro":                          { reasons: true },
} as const satisfies Record<string, { caches?: true; writes?: true; reasons?: true }>;
export type Model = keyof typeof MODELS;

const CACHED_OFTEN = 0.4;
const CACHED_SHARE = 0.6;
const WRITTEN_SHARE = 0.2;
const REASONING_SHARE = 0.5;

/** A chat with a model. */
export function chat(model: Model, way: Way): Use {
  const traits: { caches?: true; writes?: true; reasons?: true } = MODELS[model];
  const tell = ({ promptTokens, completionTokens }: Request, dice: Dice): Told => {
    const isCached = traits.caches === true && dice() < CACHED_OFTEN;
    const isWritten = isCached && traits.writes === true;
    return {
      service: "openrouter",
      model,
      input_tokens: promptTokens,
      output_tokens: completionTokens,
      ...(isCached && { cached_tokens: Math.floor(promptTokens * CACHED_SHARE) }),
      ...(isWritten && { cache_write_tokens: Math.floor(promptTokens * WRITTEN_SHARE) }),
      ...(traits.reasons && { reasoning_tokens: Math.floor(completionTokens * REASONING_SHARE) }),
      ...(way.by === "proxy" && way.key === "byok" && { byok: true }),
    };
  };
  return { way, isChat: true, tell };
}

const CHARACTERS_A_TOKEN = 4;
const TOKENS_A_SECOND = 3;

/** A document is indexed: its text is all input. */
export const embedding = other(INDEXER, ({ promptTokens }) => ({ service: "embedding", input_tokens: promptTokens }));

/** A text is spoken. */
export const speaking = other(SPEECH, ({ completionTokens }) => ({
  service: "tts",
  quantity: String(completionTokens * CHARACTERS_A_TOKEN),
  unit: "character",
}));

/** A recording is written down: as long as it takes to say its words, to a tenth of a second. */
export const listening = other(SPEECH, ({ completionTokens }) => ({
  service: "stt",
  quantity: (completionTokens / TOKENS_A_SECOND).toFixed(1),
  unit: "second",
}));

/** A question to the search engine. */
export const searching = other(SEARCH, () => ({ service: "center-deep", quantity: "1", unit: "query" }));

/** What was found is put in order. */
export const ranking = other(SEARCH, () => ({ service: "reranker", quantity: "1", unit: "query" }));

/** A run of an agent: a fee, and the tokens it used. */
export const agent = other(AGENTS, ({ promptTokens, completionTokens }) => ({
  service: "brigade",
  input_tokens: promptTokens,
  output_tokens: completionTokens,
  quantity: "1",
  unit: "request",
}));

function other(way: Way, tell: (request: Request) => Told): Use {
  return { way, isChat: false, tell };
}
