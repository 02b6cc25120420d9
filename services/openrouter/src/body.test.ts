import { describe, expect, test } from "vitest";
import { Fault } from "@tollbooth/shared/fault";
import { bodyToSend, chatOf, readBody } from "./body.ts";

const CHAT = { model: "a/b", messages: [{ role: "user", content: "Hello" }] };
const codeOf = (kind: "chat" | "embeddings", text: string) => {
  try {
    readBody(kind, text);
    return "ok";
  } catch (error) {
    return Fault.from(error).code;
  }
};

const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

describe("a chat", () => {
  // prettier-ignore
  test.each([
    { name: "is JSON",                         text: "{",                                       code: "malformed_json" },
    { name: "names its model",                 text: JSON.stringify({ messages: [1] }),         code: "invalid_request" },
    { name: "has messages",                    text: JSON.stringify({ model: "a/b" }),          code: "invalid_request" },
    { name: "says how long in tokens",         text: JSON.stringify({ ...CHAT, max_tokens: 0 }), code: "invalid_request" },
    { name: "may have fields that we do not know", text: JSON.stringify({ ...CHAT, top_k: 3 }), code: "ok" },
    { name: "may leave things null",           text: JSON.stringify({ ...CHAT, max_tokens: null, n: null, stream: null, tools: null }), code: "ok" },
    { name: "is at most 256 levels deep",      text: `{"model":"a/b","messages":[${deep(255)}]}`, code: "invalid_request" },
    { name: "may be as deep",                  text: `{"model":"a/b","messages":[${deep(254)}]}`, code: "ok" },
    { name: "may not be a million levels deep", text: `{"model":"a/b","messages":${deep(1e6)}}`, code: "invalid_request" },
    { name: "may have a __proto__ that changes nothing", text: '{"model":"a/b","messages":[1],"__proto__":{"n":99}}', code: "ok" },
  ])("$name", ({ text, code }) => {
    expect(codeOf("chat", text)).toBe(code);
    expect(({} as { n?: unknown }).n).toBeUndefined();
  });

  test("has no more tokens than its text has bytes; a picture counts by itself, whatever its size", () => {
    const content = "日本語".repeat(100);
    expect(chatOf({ ...CHAT, messages: [{ role: "user", content }] }).promptTokensMax).toBeGreaterThanOrEqual(900);
    const picture = { type: "image_url", image_url: { url: `data:image/png;base64,${"A".repeat(1_000_000)}` } };
    const { promptTokensMax } = chatOf({ ...CHAT, messages: [{ role: "user", content: [picture] }] });
    expect(promptTokensMax).toBeLessThan(17_000);
    expect(promptTokensMax).toBeGreaterThan(16_384);
  });

  // prettier-ignore
  test.each([
    { more: {},                                              extras: false },
    { more: { tools: [{ type: "function" }] },               extras: false },
    { more: { tools: [{ type: "openrouter:web_search" }] },  extras: true },
    { more: { plugins: [{ id: "web" }] },                    extras: true },
    { more: { web_search_options: {} },                      extras: true },
    { more: { model: "a/b:online" },                         extras: true },
    { more: { models: ["c/d:online"] },                      extras: true },
  ])("with $more has more to pay for than tokens: $extras", ({ more, extras }) => {
    expect(chatOf({ ...CHAT, ...more }).hasExtras).toBe(extras);
  });

  // prettier-ignore
  test.each([
    { more: {},                                                                            hour: false, preferred: false },
    { more: { cache_control: { type: "ephemeral", ttl: "5m" }, service_tier: "flex" },     hour: false, preferred: false },
    { more: { messages: [{ content: [{ type: "file", cache_control: { ttl: "1h" } }] }] }, hour: true,  preferred: false },
    { more: { messages: [{ role: "user", content: '{"ttl":"1h"}' }] },                     hour: false, preferred: false },
    { more: { service_tier: "priority" },                                                  hour: false, preferred: true },
  ])("with $more is kept for an hour: $hour, and goes before others: $preferred", ({ more, hour, preferred }) => {
    const { keepsForAnHour, isPreferred } = chatOf({ ...CHAT, ...more });
    expect([keepsForAnHour, isPreferred]).toEqual([hour, preferred]);
  });

  // prettier-ignore
  test.each([
    { more: {},                                sent: { max_tokens: 7 } },
    { more: { max_tokens: 99 },                sent: { max_tokens: 7 } },
    { more: { max_completion_tokens: 99 },     sent: { max_completion_tokens: 7 } },
  ])("with $more is sent with $sent, and asks what it costs", ({ more, sent }) => {
    expect(JSON.parse(bodyToSend(chatOf({ ...CHAT, ...more }), 7))).toEqual({ ...CHAT, ...sent, usage: { include: true } });
  });
});

test("embeddings are sent as they are", () => {
  const body = { model: "a/b", input: ["Hello"], dimensions: 3 };
  const wanted = readBody("embeddings", JSON.stringify(body));
  expect([wanted.outputTokens, JSON.parse(bodyToSend(wanted, 0))]).toEqual([0, body]);
  expect(codeOf("embeddings", JSON.stringify({ model: "a/b" }))).toBe("invalid_request");
});
