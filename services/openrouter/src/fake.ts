/**
 * A fake OpenRouter: a real HTTP server that speaks the part of its API that we use, with books of its own. Tests, the demo
 * and `npm run fake-openrouter` start it. What a key does is told by a word in it, so that nothing has to be arranged first.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { stringify } from "lossless-json";
import { decimal, ZERO, type Money } from "@tollbooth/shared/money";
import {
  bill,
  completion,
  costOf,
  embeddings,
  events,
  readFakeRequest,
  type FakeRequest,
  type Generation,
} from "./fake-chat.ts";
import { FAKE_MODELS } from "./fake-models.ts";

export { FAKE_REQUEST_WORDS } from "./fake-chat.ts";

export interface FakeOpenRouter {
  /** The base address of its API. */
  readonly url: string;
  /** All that it has billed. */
  billed(): readonly Generation[];
  close(): Promise<void>;
}

/** Words in keys, such as sk-or-v1-revoked-7, and what a key that has one does. */
export const FAKE_KEY_WORDS = {
  revoked: "is answered 401 by every request",
  unlimited: "has no limit: what is left is not told",
  management: "may ask for the account's credits, and cannot chat",
  precise: "has 123456789.123456789012 left",
  broke: "is answered 402 by a chat",
  cut: "has every connection cut after it has asked",
  limited: "is answered 429 with Retry-After: 7 by every request",
  failing: "is answered 500 by every request",
  broken: "is answered nonsense by every request",
  cached: "has every chat answered from the cache, for nothing",
  late: "has a chat given up by the provider, 524, and billed all the same",
  slow: "has every answer a second later",
  mute: "is never answered",
} as const;
type Word = keyof typeof FAKE_KEY_WORDS;

interface Answer {
  readonly status: number;
  /** A value, or the texts of a stream. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Asked {
  readonly key: string;
  readonly words: readonly string[];
  readonly has: (word: Word) => boolean;
  readonly query: URLSearchParams;
  readonly body: string;
}

const PREFIX = "/api/v1";
const LIMIT = decimal(100);
const PRECISE = decimal("123456789.123456789012");
/** Asked so often, a tardy bill is there. */
const TARDY_ASKS = 3;
const RETRY_AFTER_S = 7;
const SLOW_MS = 1_000;
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
    billed: () => books.billed(),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Which keys were revoked, what each has spent, and what was done. */
class FakeBooks {
  readonly #revoked = new Set<string>();
  readonly #spent = new Map<string, Money>();
  readonly #done = new Map<
    string,
    { readonly generation: Generation; readonly has: FakeRequest["has"]; asks: number }
  >();

  revoke(key: string): void {
    this.#revoked.add(key);
  }

  isRevoked(key: string): boolean {
    return this.#revoked.has(key);
  }

  spent(key: string): Money {
    return this.#spent.get(key) ?? ZERO;
  }

  /** Does what was asked, and bills a key for it. */
  do(key: string, request: FakeRequest): Generation {
    const { model, inputTokens, outputTokens, has } = request;
    const cost = costOf(request);
    this.#spent.set(key, this.spent(key).plus(cost));
    const id = `gen-fake-${this.#done.size + 1}`;
    const generation = { id, model: model.id, inputTokens, outputTokens, cost };
    this.#done.set(id, { generation, has, asks: 0 });
    return generation;
  }

  billed(): Generation[] {
    return [...this.#done.values()].map(({ generation }) => generation);
  }

  /** The bill of what was done, as soon as there is one. */
  bill(id: string): Generation | undefined {
    const done = this.#done.get(id);
    if (done === undefined || done.has("forgotten")) return undefined;
    done.asks += 1;
    return done.has("tardy") && done.asks < TARDY_ASKS ? undefined : done.generation;
  }
}

async function serve(books: FakeBooks, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { authorization = "" } = request.headers;
  const key = authorization.replace(/^Bearer /, "");
  const words = key.split("-");
  const { pathname, searchParams: query } = new URL(request.url ?? "", "http://fake");
  const asked: Asked = { key, words, has: (word) => words.includes(word), query, body: await text(request) };
  if (asked.has("mute")) return;
  if (asked.has("slow")) await delay(SLOW_MS);
  const { status, body, headers } = answer(books, `${request.method} ${pathname.replace(PREFIX, "")}`, asked);
  if (asked.has("cut")) return void response.destroy();
  if (body instanceof Readable) {
    response.writeHead(status, { "content-type": "text/event-stream", ...headers });
    // A stream that ends before its time is a connection that breaks.
    return pipeline(body, response);
  }
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(asked.has("broken") ? "<html>Bad Gateway</html>" : print(body));
}

function print(value: unknown): string {
  return stringify(value, undefined, undefined, AMOUNTS) ?? "";
}

function answer(books: FakeBooks, route: string, asked: Asked): Answer {
  if (route === "GET /models")
    return { status: 200, body: { data: FAKE_MODELS, links: { next: null }, total_count: FAKE_MODELS.length } };
  if (!asked.key.startsWith("sk-or-v1-") || asked.has("revoked") || books.isRevoked(asked.key))
    return failed(401, "User not found.");
  if (asked.has("failing")) return failed(500, "Internal Server Error");
  if (asked.has("limited")) return limited();
  switch (route) {
    case "GET /key":
      return { status: 200, body: { data: keyFacts(books, asked) } };
    case "GET /credits":
      return asked.has("management")
        ? { status: 200, body: { data: { total_credits: LIMIT, total_usage: decimal("25.75") } } }
        : failed(403, "Only management keys can perform this operation");
    case "POST /chat/completions":
    case "POST /embeddings":
      return work(books, asked);
    case "GET /generation":
      return billOf(books, asked.query.get("id") ?? "");
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

/** A chat that says so many words as it may, or embeddings. */
function work(books: FakeBooks, { key, has, words, body }: Asked): Answer {
  const request = readFakeRequest(body, words);
  if (request === undefined)
    return failed(400, `${(JSON.parse(body) as { model?: string }).model} is not a valid model ID`);
  if (has("management")) return failed(403, "Management keys cannot be used for completions");
  if (request.has("broke")) return failed(402, "This request requires more credits, or fewer max_tokens.");
  if (request.has("limited")) return limited();
  const generation = books.do(key, request);
  if (request.has("late")) return failed(524, "Request timed out. Please try again later.");
  const headers = { "x-generation-id": generation.id };
  if (request.isStream) return { status: 200, body: Readable.from(events(generation, request, print)), headers };
  const whole = request.isChat ? completion(generation, request.has) : embeddings(generation);
  return { status: 200, body: whole, headers };
}

function billOf(books: FakeBooks, id: string): Answer {
  const generation = books.bill(id);
  return generation === undefined
    ? failed(404, "Generation not found")
    : { status: 200, body: { data: bill(generation) } };
}

function limited(): Answer {
  return { ...failed(429, "Rate limit exceeded"), headers: { "retry-after": String(RETRY_AFTER_S) } };
}
