/** What the real OpenRouter once answered, as it was recorded, is understood. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { refusal } from "./client.ts";
import { EventStream, toldIn } from "./told.ts";

const FOLDER = new URL("../../../../shared/data/openrouter-cassettes/", import.meta.url);
const isThere = existsSync(FOLDER);
if (!isThere)
  console.log("recorded answers: skipped, there is no shared/data/openrouter-cassettes beside this checkout");

interface Interaction {
  readonly request: { readonly uri: string };
  readonly response: {
    readonly status: { readonly code: number };
    readonly parsed_body?: { readonly usage?: { readonly cost?: number } };
    readonly body?: { readonly string?: string };
  };
}

const recorded = (isThere ? readdirSync(FOLDER) : []).flatMap((file) => {
  const { interactions } = parse(readFileSync(new URL(file, FOLDER), "utf8")) as { interactions: Interaction[] };
  return interactions
    .filter(({ request }) => request.uri.endsWith("/chat/completions"))
    .map(({ response }, i) => ({ name: `${file.replace(".yaml", "")} ${i}`, ...response }));
});
const streams = recorded.flatMap(({ name, body }) => (body?.string === undefined ? [] : [{ name, text: body.string }]));
const whole = recorded.flatMap(({ name, status, parsed_body: body }) =>
  body === undefined ? [] : [{ name, status: status.code, body }],
);

describe.runIf(isThere)("recorded answers", () => {
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
