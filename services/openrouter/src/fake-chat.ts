/** What the fake OpenRouter says to chats and embeddings: whole or as a stream, and how it misbehaves where it is asked to. */
import { setTimeout as delay } from "node:timers/promises";
import { decimal, sum, ZERO, type Money } from "@tollbooth/shared/money";
import { FAKE_MODELS, type FakeModel } from "./fake-models.ts";

/** Words for a request's `user`, such as "slow truncated", and what a request that has one does. */
export const FAKE_REQUEST_WORDS = {
  broke: "is answered 402",
  limited: "is answered 429 with Retry-After: 7",
  late: "is given up by the provider, 524, and billed all the same: nobody hears by which name",
  cached: "is answered from the cache, for nothing",
  costly: "costs a cent, also where its model is free",
  slow: "is answered word by word, with keep-alives between",
  leisurely: "is answered word by word, a tenth as fast as slow",
  silent: "does not say what it used",
  unbilled: "says what it used, and not what it cost",
  collapsing: "fails in the middle of its stream, and says what it used",
  truncated: "breaks off in the middle, without saying what it used",
  tardy: "has a bill that is there at the third asking",
  forgotten: "never has a bill",
} as const;
export type RequestWord = keyof typeof FAKE_REQUEST_WORDS;

export interface FakeRequest {
  readonly model: FakeModel;
  readonly isChat: boolean;
  readonly isStream: boolean;
  readonly has: (word: RequestWord) => boolean;
  /** Each choice has so many. */
  readonly outputTokens: number;
  readonly inputTokens: number;
}

/** What was done, and what it cost. */
export interface Generation {
  readonly id: string;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cost: Money;
}

const CHARACTERS_A_TOKEN = 4;
const PRESET_TOKENS = 16;
const CENT = decimal("0.01");
const PAUSE_MS = 20;
const DIMENSIONS = 3;

/** Reads a request; undefined where there is no such model. */
export function readFakeRequest(text: string, keyWords: readonly string[]): FakeRequest | undefined {
  const body = JSON.parse(text) as {
    readonly model?: string;
    readonly messages?: readonly { readonly content?: unknown }[];
    readonly input?: unknown;
    readonly max_tokens?: number;
    readonly max_completion_tokens?: number;
    readonly stream?: boolean;
    readonly user?: string;
  };
  const model = servingModel(body.model);
  if (model === undefined) return undefined;
  const words = new Set([...keyWords, ...(body.user ?? "").split(" ")]);
  const isChat = body.messages !== undefined;
  const has = (word: RequestWord) => words.has(word);
  return {
    model,
    isChat,
    isStream: body.stream ?? false,
    has,
    inputTokens: has("cached") ? 0 : tokensIn(isChat ? body.messages.map(({ content }) => content) : [body.input]),
    outputTokens: has("cached") || !isChat ? 0 : (body.max_completion_tokens ?? body.max_tokens ?? PRESET_TOKENS),
  };
}

/** The model that serves whoever asks for this one: a router chooses the first that is listed. */
function servingModel(asked: string | undefined): FakeModel | undefined {
  const listed = FAKE_MODELS.find(({ id }) => id === asked);
  return listed?.pricing.prompt === "-1" ? FAKE_MODELS[0] : listed;
}

/** What a request costs: to the last digit of its prices. */
export function costOf({ model: { pricing }, has, inputTokens, outputTokens }: FakeRequest): Money {
  const cost = sum([decimal(pricing.prompt).times(inputTokens), decimal(pricing.completion).times(outputTokens)]);
  return has("costly") ? cost.plus(CENT) : cost;
}

/** A whole chat. */
export function completion(generation: Generation, has: FakeRequest["has"]): object {
  const message = { role: "assistant", content: wordsOf(generation).join(""), refusal: null, reasoning: null };
  const choice = { index: 0, finish_reason: "length", native_finish_reason: "length", logprobs: null, message };
  const head = { id: generation.id, object: "chat.completion", created: nowS(), model: generation.model };
  return {
    ...head,
    system_fingerprint: null,
    choices: [choice],
    ...(!has("silent") && { usage: usageOf(generation, has) }),
  };
}

/** Embeddings. */
export function embeddings(generation: Generation): object {
  const embedding = Array.from({ length: DIMENSIONS }, (_, i) => (i + 1) / DIMENSIONS);
  const { inputTokens, cost, model } = generation;
  return {
    object: "list",
    data: [{ object: "embedding", embedding, index: 0 }],
    model,
    usage: { prompt_tokens: inputTokens, total_tokens: inputTokens, cost },
  };
}

/** The events of a stream, each as its text; `print` writes amounts with all their digits. */
export async function* events(
  generation: Generation,
  { has }: FakeRequest,
  print: (value: object) => string,
): AsyncGenerator<string> {
  const { id, model } = generation;
  const head = { id, object: "chat.completion.chunk", created: nowS(), model };
  const words = wordsOf(generation);
  const half = Math.ceil(words.length / 2);
  const usage = has("silent") ? {} : { usage: usageOf(generation, has) };
  const chunk = (delta: object, finish: string | null, more: object = {}) =>
    `data: ${print({ ...head, choices: [{ index: 0, delta, finish_reason: finish, native_finish_reason: finish, logprobs: null }], ...more })}\n\n`;
  yield ": OPENROUTER PROCESSING\n\n";
  for (const [i, content] of words.entries()) {
    if (has("slow") || has("leisurely")) {
      await delay(has("leisurely") ? PAUSE_MS * 10 : PAUSE_MS);
      yield ": OPENROUTER PROCESSING\n\n";
    }
    if (i === half && has("truncated")) return;
    if (i === half && has("collapsing")) {
      const error = { code: 502, message: "Provider disconnected" };
      yield chunk({ content: "" }, "error", { error, user_id: "user_2fakefakefakefakefakefake", ...usage });
      yield "data: [DONE]\n\n";
      return;
    }
    yield chunk({ role: "assistant", content }, null);
  }
  yield chunk({ content: "" }, "length");
  yield chunk({ role: "assistant", content: "" }, "length", usage);
  yield "data: [DONE]\n\n";
}

/** A generation as `GET /generation` tells it. */
export function bill({ id, model, inputTokens, outputTokens, cost }: Generation): object {
  const unknown = [
    ["upstream_id", "cache_discount", "upstream_inference_cost", "app_id", "streamed", "cancelled", "provider_name"],
    ["latency", "moderation_latency", "generation_time", "finish_reason", "service_tier", "num_media_prompt"],
    ["native_tokens_completion_images", "num_input_audio_prompt", "num_media_completion", "num_search_results"],
    ["num_fetches", "web_search_engine", "native_finish_reason", "external_user", "api_type", "preset_id", "router"],
    ["provider_responses", "user_agent", "http_referer", "data_region", "workspace_id"],
  ].flat();
  return {
    ...Object.fromEntries(unknown.map((name) => [name, null])),
    data_region: "global",
    id,
    model,
    total_cost: cost,
    usage: cost,
    is_byok: false,
    created_at: new Date().toISOString(),
    origin: "",
    tokens_prompt: inputTokens,
    tokens_completion: outputTokens,
    native_tokens_prompt: inputTokens,
    native_tokens_completion: outputTokens,
    native_tokens_reasoning: 0,
    native_tokens_cached: 0,
  };
}

function usageOf({ inputTokens, outputTokens, cost }: Generation, has: FakeRequest["has"]): object {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    ...(!has("unbilled") && { cost }),
    is_byok: false,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    cost_details: {
      upstream_inference_cost: null,
      upstream_inference_prompt_cost: cost,
      upstream_inference_completions_cost: ZERO,
    },
    completion_tokens_details: { reasoning_tokens: 0 },
  };
}

function wordsOf({ outputTokens }: Generation): string[] {
  return Array.from({ length: outputTokens }, (_, i) => (i === outputTokens - 1 ? "word" : "word "));
}

function tokensIn(contents: readonly unknown[]): number {
  const lengths = contents.map(
    (content) => (typeof content === "string" ? content : JSON.stringify(content ?? "")).length,
  );
  return Math.ceil(lengths.reduce((all, length) => all + length, 0) / CHARACTERS_A_TOKEN);
}

function nowS(): number {
  return Math.floor(Date.now() / 1000);
}
