/** Uses of services that clients report. */
/** With and without a price, free and not, of every unit that is counted. */
// prettier-ignore
export const USES: readonly object[] = [
  { service: "openai", model: "gpt-4o-mini", input_tokens: 1200, output_tokens: 300 },
  { service: "openai", model: "gpt-4o", input_tokens: 15_000, cached_tokens: 1000, output_tokens: 2100 },
  { service: "openrouter", model: "meta-llama/llama-3.3-70b-instruct:free", tokens: 900 },
  { service: "tts", quantity: "412", unit: "character" },
  { service: "stt", quantity: "17.25", unit: "second" },
  { service: "brigade", input_tokens: 500, output_tokens: 90, quantity: "1", unit: "request" },
  { service: "elsewhere", model: "unheard-of", cost: "0.000000000001" },
];

/** Neither a price nor a cost: never recorded. */
export const UNPRICED = { service: "elsewhere", model: "unheard-of", tokens: 10 };
