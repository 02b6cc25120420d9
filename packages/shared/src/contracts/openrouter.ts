/** What the openrouter service answers: users' own OpenRouter keys (BYOK), what is known of models, and chats on users' keys. */
import { z } from "zod";
import { command, EventId, Id, Instant, OnUser } from "../contract.ts";
import { MoneyText } from "../money.ts";
import { quoteCost } from "./prices.ts";

/** The alphabet is the one that our logs know keys by. */
const ApiKey = z
  .string()
  .max(255)
  .regex(/^sk-or-v1-[A-Za-z0-9_-]{8,246}$/, "an OpenRouter key is sk-or-v1- and letters, digits, - and _");

/** A user's connection to OpenRouter. The key itself never leaves the service. */
export const OpenRouterAccount = z.object({
  user_id: z.string(),
  email: z.string().nullable(),
  /** OpenRouter's own name of whoever made the key; null where it does not tell. */
  account_id: z.string().nullable(),
  /** What the key may still spend; null where OpenRouter does not tell, as for a key without a limit. */
  free_credits_remaining: MoneyText.nullable(),
  /** False once OpenRouter no longer takes the key. */
  is_active: z.boolean(),
  last_synced: Instant,
  created_at: Instant,
  updated_at: Instant,
  /** The last four characters of the key. */
  key_hint: z.string(),
});

export const createOpenRouterAccount = command({
  subject: "openrouter.account.create",
  summary: "Connects a user's own OpenRouter key after OpenRouter has taken it; another key replaces the one before",
  access: ["user"],
  http: { method: "post", path: "/openrouter/create-account" },
  input: z.strictObject({
    ...OnUser,
    api_key: ApiKey,
    email: z.email("an e-mail address").max(254).optional(),
  }),
  output: OpenRouterAccount,
  faults: ["idempotency_conflict", "idempotency_key_expired"],
});

export const getOpenRouterAccount = command({
  subject: "openrouter.account.get",
  summary: "A user's connection to OpenRouter, or null where there is none",
  access: ["user"],
  http: { method: "get", path: "/openrouter/account" },
  input: z.strictObject({ ...OnUser }),
  output: OpenRouterAccount.nullable(),
  faults: [],
});

export const syncOpenRouterAccount = command({
  subject: "openrouter.account.sync",
  summary: "Asks OpenRouter whether the key is still good and what it may still spend",
  access: ["user"],
  http: { method: "post", path: "/openrouter/sync-balance" },
  input: z.strictObject({ ...OnUser }),
  output: z.object({
    user_id: z.string(),
    free_credits: MoneyText.nullable(),
    is_active: z.boolean(),
    last_synced: Instant,
  }),
  faults: ["not_found", "idempotency_conflict", "idempotency_key_expired"],
});

export const deleteOpenRouterAccount = command({
  subject: "openrouter.account.delete",
  summary: "Forgets a user's key",
  access: ["user"],
  http: { method: "delete", path: "/openrouter/account" },
  input: z.strictObject({ ...OnUser }),
  output: z.object({ message: z.string() }),
  faults: ["not_found"],
});

export const OpenRouterSettings = z.object({
  user_id: z.string(),
  auto_clamp: z.boolean().describe("An answer longer than the credits pay for is shortened to that, and not refused."),
  fallback_to_credits: z.boolean().describe("Where OpenRouter does not serve the user's own key, his credits pay."),
});

export const getOpenRouterSettings = command({
  subject: "openrouter.settings.get",
  summary: "How a user wants his requests to OpenRouter treated",
  access: ["user"],
  http: { method: "get", path: "/openrouter/settings" },
  input: z.strictObject({ ...OnUser }),
  output: OpenRouterSettings,
  faults: [],
});

export const setOpenRouterSettings = command({
  subject: "openrouter.settings.set",
  summary: "Changes how a user wants his requests to OpenRouter treated; what is not named stays",
  access: ["user"],
  http: { method: "post", path: "/openrouter/settings" },
  input: z
    .strictObject({
      ...OnUser,
      auto_clamp: z.boolean().optional(),
      fallback_to_credits: z.boolean().optional(),
    })
    .refine((input) => input.auto_clamp !== undefined || input.fallback_to_credits !== undefined, {
      message: "name what is to change: auto_clamp, fallback_to_credits",
    }),
  output: OpenRouterSettings,
  faults: ["idempotency_conflict", "idempotency_key_expired"],
});

export const syncModels = command({
  subject: "openrouter.models.sync",
  summary: "Fetches OpenRouter's models and prices now; what changed holds from now on",
  access: ["admin"],
  http: { method: "post", path: "/models/sync" },
  input: z.strictObject({}),
  output: z.object({
    models: z.number().int().describe("Models that OpenRouter lists."),
    priced: z.number().int().describe("Those that have a price; where it varies there is none."),
    changed: z.number().int(),
    quarantined: z.number().int().describe("Prices that wait for an operator."),
    refused: z.number().int().describe("Prices that could not be read."),
  }),
  faults: ["idempotency_conflict", "idempotency_key_expired"],
});

// ---- what services ask ------------------------------------------------------------------------------------

const { is_free, markup_class, markup_rate } = quoteCost.output.shape;

export const modelMarkup = command({
  subject: "openrouter.markup",
  summary: "What the platform adds to the cost of a model",
  access: ["service"],
  input: z.strictObject({ model: Id }),
  output: z.object({ model: z.string(), markup_class, markup_rate }),
  faults: [],
});

export const freeModel = command({
  subject: "openrouter.free-model",
  summary: "Whether a model costs nothing",
  access: ["service"],
  input: z.strictObject({ model: Id }),
  output: z.object({ model: z.string(), is_free }),
  faults: [],
});

/**
 * OpenRouter has no idempotency keys. So a request_id is sent once: whoever asks with it again is refused, and learns the
 * answer from nobody. What was refused without having been done may be asked again.
 */
export const routeChat = command({
  subject: "openrouter.route",
  summary: "Asks a chat of OpenRouter with a user's own key, and records what it used",
  access: ["service"],
  input: z.strictObject({
    user_id: Id,
    request_id: EventId,
    /** The body of OpenRouter's chat completions, without streaming. */
    chat: z.looseObject({
      model: Id,
      messages: z.array(z.unknown()).min(1),
      max_tokens: z.number().int().min(1).optional(),
      stream: z.literal(false, { error: "chats are not streamed here" }).optional(),
    }),
  }),
  output: z.object({
    request_id: z.string(),
    /** OpenRouter's own answer. */
    completion: z.looseObject({ model: z.string() }),
  }),
  faults: ["not_found", "key_refused", "insufficient_credits", "idempotency_conflict"],
});
