import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EventStream, toldIn } from "./told.ts";

const chunk = (more: object) => `data: ${JSON.stringify({ id: "gen-1", model: "a/b", ...more })}\n\n`;
const USAGE = { prompt_tokens: 7, completion_tokens: 2, cost: 0.0000000000001 };
const STREAM = [
  ": OPENROUTER PROCESSING\n\n",
  chunk({ choices: [{ delta: { content: "Grüße 👋" } }] }),
  chunk({ model: "a/fallback", choices: [{ delta: {}, finish_reason: "stop" }] }),
  chunk({ model: "a/fallback", choices: [], usage: USAGE }),
  "data: [DONE]\n\n",
].join("");

describe("a stream", () => {
  test("is passed on as it came but for its end, however it is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 })), (sizes) => {
        const events = new EventStream();
        let passed = "";
        let rest = STREAM;
        for (const size of [...sizes, STREAM.length]) {
          passed += events.take(rest.slice(0, size));
          rest = rest.slice(size);
        }
        expect(passed + events.end).toBe(STREAM);
        expect(events.isDone).toBe(true);
        expect(events.told).toMatchObject({ generationId: "gen-1", model: "a/fallback", usage: { promptTokens: 7 } });
        expect(events.told.usage?.cost?.toFixed()).toBe("0.0000000000001");
      }),
    );
  });

  test("whose last two chunks both say what was used is believed in the last", () => {
    const events = new EventStream();
    events.take(chunk({ usage: { ...USAGE, completion_tokens: 1 } }) + chunk({ usage: USAGE }));
    expect(events.told.usage?.completionTokens).toBe(2);
  });

  test("that fails says so without the key owner's id, and what it used before is known", () => {
    const events = new EventStream();
    const failing = chunk({ error: { code: "server_error", message: "gone" }, user_id: "user_1", usage: USAGE });
    expect(events.take(failing)).toBe(chunk({ error: { code: "server_error", message: "gone" }, usage: USAGE }));
    expect(events.told).toMatchObject({ failure: { status: 502, message: "gone" }, usage: { promptTokens: 7 } });
  });

  test("with lines of Windows, and with what is no JSON, is passed on", () => {
    const events = new EventStream();
    expect(events.take("event: ping\r\ndata: hello\r\n\r\n")).toBe("event: ping\r\ndata: hello\n\r\n");
  });
});

// prettier-ignore
test.each([
  { name: "an answer",                 text: '{"id":"g","model":"a/b","usage":{"cost":0.5}}',            told: { generationId: "g", model: "a/b", failure: undefined } },
  { name: "an answer without a name",  text: '{"model":"a/b","usage":{"prompt_tokens":3}}',              told: { generationId: undefined, usage: { promptTokens: 3, cost: null } } },
  { name: "a failure",                 text: '{"error":{"code":429,"message":"slow down"}}',             told: { failure: { status: 429, message: "slow down" }, usage: undefined } },
  { name: "a failure of another form", text: '{"error":{"http_status":404,"error_type":"ended"}}',       told: { failure: { status: 404, message: "ended" } } },
])("$name says what it is", ({ text, told }) => {
  expect(toldIn(text)).toMatchObject(told);
});

test("what is no answer says nothing", () => {
  expect([toldIn("<html>"), toldIn("{}"), toldIn("[]")]).toEqual([undefined, undefined, undefined]);
});
