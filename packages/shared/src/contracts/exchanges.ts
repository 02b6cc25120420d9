/** Exchanges: requests that the gateway carries to OpenRouter and whose answer comes in parts, as it is made. */
import { z } from "zod";
import { command, EventId, Id } from "../contract.ts";
import { PriceText } from "../money.ts";
import { quoteCost } from "./prices.ts";

/** A prompt may hold pictures. */
export const BODY_MAX_CHARACTERS = 8_000_000;

/** An empty answer after this; who still wants more asks again, and so hears soon where the process is no more. */
export const TAKE_WAIT_MS = 5_000;

/** Who pays: the user's own key, or his credits by the platform's. */
export const Payer = z.enum(["byok", "managed"]);

export const openExchange = command({
  subject: "openrouter.exchange.open",
  summary: "Asks OpenRouter in the caller's name, metered: his own key or his credits pay; the answer is then taken",
  access: ["user", "service"],
  input: z.strictObject({
    request_id: EventId.describe("The name of the request: what came under it before is not asked again."),
    kind: z.enum(["chat", "embeddings"]),
    key: Payer.optional().describe("Who has to pay; without it the user's own key where he has connected one."),
    body: z.string().max(BODY_MAX_CHARACTERS).describe("What OpenRouter is asked, as it came: JSON."),
  }),
  output: z.object({
    exchange_id: z.string(),
    process: z.string().describe("The process that has the answer: the last word of the subject to take it from."),
  }),
  faults: ["key_refused", "insufficient_credits", "unpriced_model", "idempotency_conflict"],
});

const Head = z.object({
  is_stream: z.boolean().describe("Server-sent events, not JSON."),
  headers: z.record(z.string(), z.string()).describe("What the caller is told beside the answer."),
});

/** One part after the other; nobody asks for the next before he has got rid of the last. */
export const takeExchange = command({
  subject: "openrouter.exchange.take.*",
  summary: "The next part of an answer, as soon as there is one; nothing, after some seconds without",
  access: ["user", "service"],
  input: z.strictObject({
    exchange_id: Id,
    left: z.boolean().optional().describe("The client is gone: nothing more is taken."),
  }),
  output: z.object({
    head: Head.optional().describe("Comes once, with the first part or before it."),
    text: z.string(),
    done: z.boolean(),
  }),
  faults: ["not_found", "key_refused", "insufficient_credits"],
});

const { is_free, markup_class, markup_rate } = quoteCost.output.shape;
const Rates = z.record(z.string(), PriceText);

export const listModels = command({
  subject: "openrouter.models",
  summary: "OpenRouter's models with their prices: the provider's, and what the caller's credits pay",
  access: ["user", "service"],
  input: z.strictObject({}),
  output: z.object({
    object: z.literal("list"),
    data: z.array(
      z.object({
        id: z.string(),
        object: z.literal("model"),
        created: z.number().int(),
        owned_by: z.string(),
        name: z.string(),
        context_length: z.number().int().nullable(),
        pricing: Rates.describe("What the provider takes for one unit of each kind, without conditions."),
        tollbooth: z.object({
          is_free,
          markup_class,
          markup_rate,
          pricing: Rates.describe("What the caller's credits pay: the same with the markup."),
        }),
      }),
    ),
  }),
  faults: [],
});
