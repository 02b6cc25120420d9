/** What the real OpenRouter once answered, as it was recorded, is understood. */
import { describe, expect, test } from "vitest";
import { refusal } from "./client.ts";
import { areThere, recorded } from "./testing/recorded.ts";
import { EventStream, toldIn } from "./told.ts";

const streams = recorded.flatMap(({ name, stream: text }) => (text === undefined ? [] : [{ name, text }]));
const whole = recorded.flatMap(({ name, status, whole: body }) => (body === undefined ? [] : [{ name, status, body }]));

describe.runIf(areThere)("recorded answers", () => {
  test("are of every kind", () => {
    const statuses = new Set(whole.map(({ status }) => status));
    expect([streams.length > 5, statuses]).toEqual([true, new Set([200, 429])]);
  });

  test.each(streams)(
    "the stream of $name is passed on as it came, and says what it used or why it failed",
    ({ text }) => {
      const events = new EventStream();
      const passed = events.take(text) + events.end;
      expect(passed.trimEnd()).toBe(text.replace(/"user_id":"[^"]*",?/, "").trimEnd());
      expect(events.told.usage ?? events.told.failure).toBeDefined();
    },
  );

  test.each(whole.filter(({ status }) => status === 200))(
    "the answer of $name says what it used, and what that cost",
    ({ body }) => {
      const told = toldIn(JSON.stringify(body));
      expect(told?.usage ?? told?.failure).toBeDefined();
      expect(told?.usage?.cost?.toNumber()).toBe(body.usage?.cost);
    },
  );

  test.each(whole.filter(({ status }) => status !== 200))("the refusal of $name is one", ({ status, body }) => {
    const failure = toldIn(JSON.stringify(body))?.failure;
    expect(refusal({ message: failure?.message ?? "", status }).code).toBe("rate_limited");
  });
});
