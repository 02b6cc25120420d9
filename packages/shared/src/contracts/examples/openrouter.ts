/** Examples of what the openrouter service answers. */
import * as exchanges from "../exchanges.ts";
import * as openrouter from "../openrouter.ts";
import { ALICE, asked, NOW, type Examples } from "./example.ts";

const LEFT = "74.500000000000";
const ACCOUNT = {
  user_id: ALICE,
  email: "alice@example.com",
  account_id: "user_2dHFtVWx2n56w6HkM0000000000",
  free_credits_remaining: LEFT,
  is_active: true,
  last_synced: NOW,
  created_at: NOW,
  updated_at: NOW,
  key_hint: "4f9c",
};
const SETTINGS = { user_id: ALICE, auto_clamp: true, fallback_to_credits: false };
const EXCHANGE = "0d4b3a52-6a39-4a0f-8d0c-3a2f9c0e2b7d";
const MODEL = { model: "openai/gpt-4o-mini" };

export const openRouterExamples: Examples = {
  ...asked(
    openrouter.createOpenRouterAccount,
    { api_key: "sk-or-v1-0123456789abcdef4f9c", email: "alice@example.com" },
    ACCOUNT,
  ),
  ...asked(openrouter.getOpenRouterAccount, {}, ACCOUNT),
  ...asked(
    openrouter.syncOpenRouterAccount,
    {},
    { user_id: ALICE, free_credits: LEFT, is_active: true, last_synced: NOW },
  ),
  ...asked(
    openrouter.deleteOpenRouterAccount,
    {},
    {
      message: "the key is forgotten, and this user is no longer connected to OpenRouter",
    },
  ),
  ...asked(openrouter.getOpenRouterSettings, {}, SETTINGS),
  ...asked(openrouter.setOpenRouterSettings, { auto_clamp: true }, SETTINGS),
  ...asked(openrouter.syncModels, {}, { models: 421, priced: 416, changed: 3, quarantined: 1, refused: 0 }),
  ...asked(openrouter.modelMarkup, MODEL, { ...MODEL, markup_class: "budget", markup_rate: "0.05" }),
  ...asked(openrouter.freeModel, MODEL, { ...MODEL, is_free: false }),
  ...asked(
    exchanges.openExchange,
    {
      request_id: "5d1ff82c-9ad0-4cf8-a7a2-07f8b6f3f1d5",
      kind: "chat",
      body: '{"model":"openai/gpt-4o-mini","messages":[{"role":"user","content":"Say something."}]}',
    },
    { exchange_id: EXCHANGE, process: "3a2f9c0e-2b7d-4a53-9f0e-6f3d4f5b8a11" },
  ),
  ...asked(
    exchanges.takeExchange,
    { exchange_id: EXCHANGE },
    {
      head: { is_stream: true, headers: { "X-Tollbooth-Key": "managed" } },
      text: 'data: {"model":"openai/gpt-4o-mini","choices":[{"index":0,"delta":{"content":"Some"}}]}\n\n',
      done: false,
    },
  ),
  ...asked(
    exchanges.listModels,
    {},
    {
      object: "list",
      data: [
        {
          id: "openai/gpt-4o-mini",
          object: "model",
          created: 1_721_260_800,
          owned_by: "openai",
          name: "OpenAI: GPT-4o-mini",
          context_length: 128_000,
          pricing: { input_token: "0.00000015", output_token: "0.0000006" },
          tollbooth: {
            is_free: false,
            markup_class: "budget",
            markup_rate: "0.05",
            pricing: { input_token: "0.0000001575", output_token: "0.00000063" },
          },
        },
      ],
    },
  ),
  ...asked(
    openrouter.routeChat,
    {
      user_id: ALICE,
      request_id: "chat-9",
      chat: { ...MODEL, messages: [{ role: "user", content: "Say something." }], max_tokens: 100 },
    },
    {
      request_id: "chat-9",
      completion: {
        id: "gen-1",
        ...MODEL,
        choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Something." } }],
        usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13, cost: 0.0000033, is_byok: false },
      },
    },
  ),
};
