/** What a client asks of OpenRouter, as far as its price hangs on it, and what OpenRouter is then sent. Pure. */
import { Id } from "@tollbooth/shared/contract";
import { isDeeper } from "@tollbooth/shared/depth";
import { Fault } from "@tollbooth/shared/fault";
import { parseInput } from "@tollbooth/shared/handler";
import { z } from "zod";

export type Kind = "chat" | "embeddings";

/** A request and what bounds its price. */
export interface Wanted {
  readonly kind: Kind;
  /** The model and its fallbacks: any of them may serve. */
  readonly models: readonly string[];
  /** The prompt has at most so many tokens. */
  readonly promptTokensMax: number;
  /** The answer may have so many tokens, in each of its choices; undefined: the client does not say. */
  readonly outputTokens: number | undefined;
  readonly choices: number;
  /** It has more than tokens to pay for: searches of the web, tools that OpenRouter runs. */
  readonly hasExtras: boolean;
  /** It wants parts of its prompt kept in the cache for an hour, which is dearer than for minutes. */
  readonly keepsForAnHour: boolean;
  /** It wants to be served before others, at a price that nobody lists. */
  readonly isPreferred: boolean;
  readonly isStream: boolean;
  readonly body: Readonly<Record<string, unknown>>;
}

const Tokens = z.number().int().min(1).max(10_000_000);
const CHOICES_MAX = 128;
const MODELS_MAX = 10;
/** Schemas of tools are deep; what is deeper than this is an attack. */
const DEPTH_MAX = 256;

const ChatBody = z.looseObject({
  model: Id,
  models: z.array(Id).max(MODELS_MAX).nullish(),
  messages: z.array(z.unknown()).min(1),
  max_tokens: Tokens.nullish(),
  max_completion_tokens: Tokens.nullish(),
  n: z.number().int().min(1).max(CHOICES_MAX).nullish(),
  stream: z.boolean().nullish(),
  plugins: z.array(z.unknown()).nullish(),
  tools: z.array(z.unknown()).nullish(),
  service_tier: z.string().nullish(),
  web_search_options: z.unknown().optional(),
});
const EmbeddingsBody = z.looseObject({ model: Id, input: z.unknown() });

/** A byte is at least a token's share: no tokenizer makes more tokens of a text than it has bytes. */
const MESSAGE_TOKENS = 16;
/** What is no text is counted by its kind: a picture at its finest, and what has pages or a length. */
const PICTURE_TOKENS = 16_384;
const MEDIUM_TOKENS = 131_072;
const PICTURE = "image_url";
/** What is no dearer than the prices that are listed. */
const LISTED_TIERS = new Set(["auto", "default", "flex"]);
const MEDIA = new Set([PICTURE, "input_audio", "video_url", "file"]);

/** Reads the body of a request. Throws `malformed_json`, and `invalid_request` that names what is wrong. */
export function readBody(kind: Kind, text: string): Wanted {
  if (isDeeper(text, DEPTH_MAX)) throw new Fault("invalid_request", `the body is more than ${DEPTH_MAX} levels deep`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Fault("malformed_json", "the body is not JSON", { cause });
  }
  return kind === "chat" ? chatOf(json) : embeddingsOf(json);
}

/** What a chat wants. Throws `invalid_request` that names what is wrong. */
export function chatOf(json: unknown): Wanted {
  const body = parseInput(ChatBody, json);
  const { promptTokensMax, keepsForAnHour } = promptOf(body);
  return {
    kind: "chat",
    models: [...new Set([body.model, ...(body.models ?? [])])],
    promptTokensMax: promptTokensMax + body.messages.length * MESSAGE_TOKENS,
    outputTokens: body.max_completion_tokens ?? body.max_tokens ?? undefined,
    choices: body.n ?? 1,
    hasExtras: hasExtras(body),
    keepsForAnHour,
    isPreferred: !LISTED_TIERS.has(body.service_tier ?? "default"),
    isStream: body.stream ?? false,
    body,
  };
}

function embeddingsOf(json: unknown): Wanted {
  const body = parseInput(EmbeddingsBody, json);
  const plain = { outputTokens: 0, choices: 1, hasExtras: false, isPreferred: false, isStream: false };
  return { kind: "embeddings", models: [body.model], ...promptOf(body), ...plain, body };
}

/** The body that OpenRouter is sent: the answer is bounded, and says what it cost. */
export function bodyToSend({ kind, body }: Wanted, outputTokens: number): string {
  if (kind === "embeddings") return JSON.stringify(body);
  const name = typeof body["max_completion_tokens"] === "number" ? "max_completion_tokens" : "max_tokens";
  return JSON.stringify({ ...body, [name]: outputTokens, usage: { include: true } });
}

function promptOf(body: object): Pick<Wanted, "promptTokensMax" | "keepsForAnHour"> {
  let media = 0;
  let keepsForAnHour = false;
  const text = JSON.stringify(body, (name, value: unknown) => {
    keepsForAnHour ||= name === "ttl" && value === "1h";
    const type = typeOf(value);
    if (type === undefined || !MEDIA.has(type)) return value;
    media += type === PICTURE ? PICTURE_TOKENS : MEDIUM_TOKENS;
    return { cache_control: (value as { readonly cache_control?: unknown }).cache_control };
  });
  return { promptTokensMax: Buffer.byteLength(text) + media, keepsForAnHour };
}

function hasExtras({ model, models, plugins, tools, web_search_options: search }: z.output<typeof ChatBody>): boolean {
  return (
    (search !== undefined && search !== null) ||
    (plugins ?? []).length > 0 ||
    (tools ?? []).some((tool) => typeOf(tool) !== "function") ||
    [model, ...(models ?? [])].some((name) => name.endsWith(":online"))
  );
}

function typeOf(value: unknown): string | undefined {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"
    ? value.type
    : undefined;
}
