/** What the fake OpenRouter sells: few models, of every kind that has ever surprised somebody. */

interface Priced {
  readonly prompt: string;
  readonly completion: string;
  readonly overrides?: readonly Readonly<Record<string, string | number>>[];
  readonly [kind: string]: string | readonly object[] | undefined;
}

export interface FakeModel {
  readonly id: string;
  readonly pricing: Priced;
  readonly architecture: { readonly output_modalities: readonly string[] };
}

const CREATED_S = 1_700_000_000;
const CONTEXT_TOKENS = 128_000;

// prettier-ignore
export const FAKE_MODELS: readonly FakeModel[] = [
  model("openai/gpt-4o-mini",                  { prompt: "0.00000015", completion: "0.0000006", input_cache_read: "0.000000075" }),
  model("openai/gpt-4.1",                      { prompt: "0.000002", completion: "0.000008", input_cache_read: "0.0000005" }),
  model("openai/o1",                           { prompt: "0.000015", completion: "0.00006", input_cache_read: "0.0000075" }),
  model("anthropic/claude-sonnet-4",           { prompt: "0.000003", completion: "0.000015", input_cache_read: "0.0000003", input_cache_write: "0.00000375" }),
  model("anthropic/claude-opus-4",             { prompt: "0.000015", completion: "0.000075", input_cache_read: "0.0000015", input_cache_write: "0.00001875" }),
  model("deepseek/deepseek-chat-v3-0324:free", { prompt: "0", completion: "0" }),
  // Free by its prices, and not by its name.
  model("fake/gift",                           { prompt: "0", completion: "0", request: "0" }),
  // Not free: what it gives is not text, and its price is told elsewhere.
  model("fake/music",                          { prompt: "0", completion: "0" }, ["audio"]),
  // Not free either: each search costs.
  model("fake/searcher",                       { prompt: "0", completion: "0", web_search: "0.0025" }),
  model("fake/long",                           { prompt: "0.000001", completion: "0.000004", overrides: [{ min_prompt_tokens: 200_000, prompt: "0.000002", completion: "0.000006" }] }),
  model("fake/nocturnal",                      { prompt: "0.000001", completion: "0.000004", overrides: [{ utc_start: 2230, utc_end: 100, prompt: "0.0000005", completion: "0.000002" }] }),
  model("fake/precise",                        { prompt: "0.0000001234567890123456", completion: "0.0000009876543210987654" }),
  model("fake/embedder",                       { prompt: "0.00000002", completion: "0" }, ["embeddings"]),
  // A router's price is that of whom it chooses: -1 is no price.
  model("openrouter/auto",                     { prompt: "-1", completion: "-1" }),
];

/** A model as `/models` lists it. */
function model(id: string, pricing: Priced, outputs: readonly string[] = ["text"]) {
  return {
    id,
    canonical_slug: id,
    name: id,
    created: CREATED_S,
    description: "A model of the fake OpenRouter",
    pricing,
    context_length: CONTEXT_TOKENS,
    architecture: {
      modality: `text->${outputs.join("+")}`,
      input_modalities: ["text"],
      output_modalities: outputs,
      tokenizer: "Other",
      instruct_type: null,
    },
    top_provider: { context_length: CONTEXT_TOKENS, max_completion_tokens: null, is_moderated: false },
    per_request_limits: null,
    supported_parameters: ["max_tokens", "temperature"],
    default_parameters: null,
    supported_voices: null,
    links: { details: `/api/v1/models/${id}/endpoints` },
  };
}
