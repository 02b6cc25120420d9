/**
 * A fake OpenRouter: a real HTTP server that speaks the part of its API that we use, with books of its own. Tests, the demo
 * and `npm run fake-openrouter` start it. What a key does is told by a word in it, so that nothing has to be arranged first.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { stringify } from "lossless-json";
import { decimal, sum, ZERO, type Money } from "@tollbooth/shared/money";
import { FAKE_MODELS } from "./fake-models.ts";

export interface FakeOpenRouter {
  /** The base address of its API. */
  readonly url: string;
  close(): Promise<void>;
}

/** Words in keys, such as sk-or-v1-revoked-7, and what a key that has one does. */
export const FAKE_KEY_WORDS = {
  revoked: "is answered 401 by every request",
  unlimited: "has no limit: what is left is not told",
  management: "may ask for the account's credits, and cannot chat",
  precise: "has 123456789.123456789012 left",
  broke: "is answered 402 by a chat",
  limited: "is answered 429 with Retry-After: 7 by every request",
  failing: "is answered 500 by every request",
  broken: "is answered nonsense by every request",
  cached: "has every chat answered from the cache, for nothing",
  late: "has a chat given up by the provider, 524",
  mute: "is never answered",
} as const;
type Word = keyof typeof FAKE_KEY_WORDS;

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Asked {
  readonly key: string;
  readonly has: (word: Word) => boolean;
  readonly body: string;
}

const PREFIX = "/api/v1";
const LIMIT = decimal(100);
const PRECISE = decimal("123456789.123456789012");
const CHARACTERS_A_TOKEN = 4;
const COMPLETION_TOKENS = 16;
const RETRY_AFTER_S = 7;
const NOBODY = "user_2fakefakefakefakefakefake";
/** Amounts leave with all their digits. */
const AMOUNTS = [
  {
    test: (value: unknown) => typeof value === "object" && value !== null && "toFixed" in value,
    stringify: (value: unknown) => (value as Money).toFixed(),
  },
];

/** Starts one on a port of 127.0.0.1; on a free one where none is said. */
export async function startFakeOpenRouter(port = 0): Promise<FakeOpenRouter> {
  const books = new FakeBooks();
  const server = createServer((request, response) => {
    // Who hangs up, or sends what no client of ours would, gets no answer.
    serve(books, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${PREFIX}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Which keys were revoked, and what each has spent. */
class FakeBooks {
  readonly #revoked = new Set<string>();
  readonly #spent = new Map<string, Money>();
  #generations = 0;

  revoke(key: string): void {
    this.#revoked.add(key);
  }

  isRevoked(key: string): boolean {
    return this.#revoked.has(key);
  }

  spent(key: string): Money {
    return this.#spent.get(key) ?? ZERO;
  }

  /** Bills a key; answers the id of the generation. */
  bill(key: string, cost: Money): string {
    this.#spent.set(key, this.spent(key).plus(cost));
    this.#generations += 1;
    return `gen-fake-${this.#generations}`;
  }
}

async function serve(books: FakeBooks, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { authorization = "" } = request.headers;
  const key = authorization.replace(/^Bearer /, "");
  const asked: Asked = { key, has: (word) => key.split("-").includes(word), body: await text(request) };
  if (asked.has("mute")) return;
  const path = new URL(request.url ?? "", "http://fake").pathname;
  const { status, body, headers } = answer(books, `${request.method} ${path.replace(PREFIX, "")}`, asked);
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(asked.has("broken") ? "<html>Bad Gateway</html>" : stringify(body, undefined, undefined, AMOUNTS));
}

function answer(books: FakeBooks, route: string, asked: Asked): Answer {
  if (route === "GET /models")
    return { status: 200, body: { data: FAKE_MODELS, links: { next: null }, total_count: FAKE_MODELS.length } };
  if (!asked.key.startsWith("sk-or-v1-") || asked.has("revoked") || books.isRevoked(asked.key))
    return failed(401, "User not found.");
  if (asked.has("failing")) return failed(500, "Internal Server Error");
  if (asked.has("limited"))
    return { ...failed(429, "Rate limit exceeded"), headers: { "retry-after": String(RETRY_AFTER_S) } };
  switch (route) {
    case "GET /key":
      return { status: 200, body: { data: keyFacts(books, asked) } };
    case "GET /credits":
      return asked.has("management")
        ? { status: 200, body: { data: { total_credits: LIMIT, total_usage: decimal("25.75") } } }
        : failed(403, "Only management keys can perform this operation");
    case "POST /chat/completions":
      return chat(books, asked);
    case "DELETE /key":
      // The real one has no such route: here a key can be revoked after it was good.
      books.revoke(asked.key);
      return { status: 200, body: { data: { deleted: true } } };
    default:
      return failed(404, "Not Found");
  }
}

/** An error as OpenRouter tells it: with the id of the key's owner, which concerns nobody else. */
function failed(status: number, message: string): Answer {
  return { status, body: { error: { code: status, message }, user_id: NOBODY } };
}

function keyFacts(books: FakeBooks, { key, has }: Asked): object {
  const usage = books.spent(key);
  const limit = has("unlimited") || has("management") ? null : has("precise") ? PRECISE : LIMIT;
  return {
    label: `${key.slice(0, 12)}...${key.slice(-3)}`,
    limit,
    limit_remaining: limit === null ? null : limit.minus(usage),
    limit_reset: null,
    usage,
    usage_daily: usage,
    usage_weekly: usage,
    usage_monthly: usage,
    byok_usage: ZERO,
    byok_usage_daily: ZERO,
    byok_usage_weekly: ZERO,
    byok_usage_monthly: ZERO,
    include_byok_in_limit: false,
    is_free_tier: false,
    is_management_key: has("management"),
    is_provisioning_key: has("management"),
    creator_user_id: NOBODY,
    expires_at: null,
    rate_limit: { requests: -1, interval: "10s", note: "This field is deprecated and safe to ignore." },
  };
}

/** A chat that says so many words as it may. */
function chat(books: FakeBooks, { key, has, body }: Asked): Answer {
  const {
    model: name,
    messages = [],
    max_tokens: maxTokens = COMPLETION_TOKENS,
  } = JSON.parse(body) as {
    model?: string;
    messages?: readonly { content?: unknown }[];
    max_tokens?: number;
  };
  const model = FAKE_MODELS.find(({ id }) => id === name);
  if (model === undefined) return failed(400, `${name} is not a valid model ID`);
  if (has("management")) return failed(403, "Management keys cannot be used for completions");
  if (has("broke")) return failed(402, "This request requires more credits, or fewer max_tokens.");
  if (has("late")) return failed(524, "Request timed out. Please try again later.");
  const [input, output] = has("cached") ? [0, 0] : [tokensIn(messages), maxTokens];
  const cost = sum([decimal(model.pricing.prompt).times(input), decimal(model.pricing.completion).times(output)]);
  const id = books.bill(key, cost);
  return {
    status: 200,
    body: { ...completion(id, model.id, output), usage: usageOf(input, output, cost) },
    headers: { "x-generation-id": id },
  };
}

function completion(id: string, model: string, words: number): object {
  const message = { role: "assistant", content: "word ".repeat(words).trimEnd(), refusal: null, reasoning: null };
  const choice = { index: 0, finish_reason: "length", native_finish_reason: "length", logprobs: null, message };
  const created = Math.floor(Date.now() / 1000);
  return { id, object: "chat.completion", created, model, system_fingerprint: null, choices: [choice] };
}

function usageOf(input: number, output: number, cost: Money): object {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    cost,
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

function tokensIn(messages: readonly { content?: unknown }[]): number {
  const lengths = messages.map(
    ({ content }) => (typeof content === "string" ? content : (JSON.stringify(content) ?? "")).length,
  );
  return Math.ceil(lengths.reduce((all, length) => all + length, 0) / CHARACTERS_A_TOKEN);
}
