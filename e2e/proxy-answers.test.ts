/** What the proxy answers is what its document tells: to good requests and to bad ones, with the headers that are promised. */
import { expect, inject, test } from "vitest";
import { getBalance } from "@tollbooth/shared/contracts/credits";
import { syncModels } from "@tollbooth/shared/contracts/openrouter";
import { usageSummary } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { breaches } from "./harness/books.ts";
import { Person, somebody } from "./harness/person.ts";
import { askProxy, type Asking } from "./harness/proxy-answer.ts";

const reach = inject("platform");
const WITHIN_MS = 15_000;
const MODEL = "openai/gpt-4.1";
const NOTHING = "0.000000000000";
const body = (more: object = {}) =>
  JSON.stringify({ model: MODEL, messages: [{ role: "user", content: "Hello" }], max_tokens: 5, ...more });

const ask = (asking: Asking) => askProxy(reach, { text: body(), ...asking });
const person = () => Person.of(somebody());
const availableOf = async (user: Person) => ((await user.ok(getBalance)) as { available: string }).available;

test("good requests tell their names, what they cost and what is left", async () => {
  const user = await person();
  const whole = await ask({ user });
  expect([whole.status, Number(whole.cost) > 0]).toEqual([200, true]);
  expect(await until(async () => (await availableOf(user)) === whole.balance, WITHIN_MS)).toBe(true);
  expect((await ask({ user, text: body({ stream: true }) })).status).toBe(200);
  const text = JSON.stringify({ model: "fake/embedder", input: "Hello" });
  await (await Person.of("root", ["admin"])).ok(syncModels);
  expect((await ask({ user, path: "/embeddings", text })).status).toBe(200);
  const models = await ask({ user, path: "/models", method: "GET" });
  expect([models.cost, models.balance !== null]).toEqual([NOTHING, true]);
});

// prettier-ignore
test.each([
  { name: "that cannot be paid for",          asking: { text: body({ max_tokens: 5_000_000 }) },              status: 402, isEvent: true },
  { name: "of a model without a price",       asking: { text: body({ model: "openrouter/auto" }) },           status: 422, isEvent: true },
  { name: "by a key that is not there",       asking: { headers: { "x-tollbooth-key": "byok" } },             status: 401, isEvent: true },
  { name: "that OpenRouter refuses",          asking: { text: body({ user: "limited" }) },                    status: 429, isEvent: true },
  { name: "that is no chat",                  asking: { text: "{}" },                                         status: 422, isEvent: false },
  { name: "that is no JSON",                  asking: { text: "{" },                                          status: 400, isEvent: false },
  { name: "of another type",                  asking: { headers: { "content-type": "text/plain" } },          status: 415, isEvent: false },
  { name: "with a key that is none",          asking: { headers: { "idempotency-key": '"open' } },            status: 422, isEvent: false },
])("a request $name is $status; it costs nothing, and is an event: $isEvent", async ({ asking, status, isEvent }) => {
  const user = await person();
  const before = await availableOf(user);
  const answer = await ask({ user, ...asking });
  expect([answer.status, answer.cost, answer.balance]).toEqual([status, NOTHING, before]);
  // An event more says that what came before it was told as well.
  await ask({ user });
  const events = async () => (await user.ok(usageSummary)).total_events;
  expect(await until(async () => (await events()) === (isEvent ? 2 : 1), WITHIN_MS)).toBe(true);
});

test("nobody, a bad token and another method are told no balance", async () => {
  for (const headers of [{}, { authorization: "Bearer nonsense" }]) {
    const { status, cost, balance } = await ask({ headers });
    expect([status, cost, balance]).toEqual([401, NOTHING, null]);
  }
  expect((await ask({ user: await person(), method: "GET" })).status).toBe(405);
});

test("a repeat is refused under the same name, and is no event of its own", async () => {
  const user = await person();
  const headers = { "idempotency-key": "mine" };
  const first = await ask({ user, headers });
  const again = await ask({ user, headers });
  expect([again.status, again.name, again.cost]).toEqual([409, first.name, NOTHING]);
  expect((await user.ok(usageSummary)).total_events).toBe(1);
});

test("and the books balance", async () => {
  expect(await breaches()).toEqual([]);
});
