import { expect, test } from "vitest";
import { diceOf } from "./dice.ts";
import { PEOPLE } from "./people.ts";
import { expectedOf, plan, sumOf } from "./plan.ts";
import { traffic } from "./traffic.ts";
import { MODELS } from "./uses.ts";

const requests = traffic(diceOf(3), 6000, Date.parse("2026-03-01T12:00:00Z"));
const people = PEOPLE.map((person) => ({ ...person, userId: `${person.name}-x` }));
const userIds = people.map(({ userId }) => userId);
const planOf = (isTrace: boolean, hasProxy: boolean) =>
  plan(requests, { dice: diceOf(3), people, run: "x", isTrace, hasProxy });
const planned = planOf(false, true);

test("at least 20 users take part, each by a name of his own", () => {
  expect(new Set(planned.map(({ userId }) => userId))).toEqual(new Set(userIds));
  expect(new Set(userIds).size).toBeGreaterThanOrEqual(20);
});

test("every event has an id of its own", () => {
  expect(new Set(planned.map(({ eventId }) => eventId)).size).toBe(requests.length);
});

test("every model and every other service is used, cached and reasoning tokens and own keys too", () => {
  const services = new Set(planned.map(({ told }) => told.service));
  expect(services).toEqual(new Set("openrouter embedding tts stt center-deep reranker brigade".split(" ")));
  const models = new Set(planned.flatMap(({ told }) => told.model ?? []));
  expect(models).toEqual(new Set(Object.keys(MODELS)));
  for (const field of ["cached_tokens", "cache_write_tokens", "reasoning_tokens", "byok"] as const) {
    expect(planned.filter(({ told }) => told[field] !== undefined).length).toBeGreaterThan(50);
  }
});

test("all ways into the platform are taken", () => {
  const ways = planned.map(({ way }) => way.by);
  for (const way of ["user", "track", "batch", "report", "proxy"] as const) {
    expect(ways.filter((by) => by === way).length).toBeGreaterThan(100);
  }
});

test("only services say that the user's own key paid", () => {
  expect(planned.filter(({ way, told }) => way.by === "user" && told.byok !== undefined)).toEqual([]);
});

test("where no proxy is to be asked, a service reports what users' own keys have paid, and the rest", () => {
  const reported = planOf(false, false);
  const ofProxy = reported.filter((_, i) => planned[i]?.way.by === "proxy");
  const told = new Set(ofProxy.map(({ way, told: { byok } }) => `${way.by} ${byok}`));
  expect(told).toEqual(new Set(["report true", "report undefined"]));
});

test("a few in a hundred events are sent twice", () => {
  const share = planned.filter(({ isTwice }) => isTwice).length / planned.length;
  expect(share).toBeGreaterThan(0.02);
  expect(share).toBeLessThan(0.04);
});

test("a trace is replayed line by line as chats, over NATS", () => {
  const replayed = planOf(true, true);
  expect(new Set(replayed.map(({ way }) => way.by))).toEqual(new Set(["report"]));
  expect(replayed.map(({ told }) => [told.input_tokens, told.output_tokens])).toEqual(
    requests.map(({ promptTokens, completionTokens }) => [promptTokens, completionTokens]),
  );
});

test("our own record counts every event once, however often it is sent", () => {
  const sums = sumOf(expectedOf(planned, userIds).values());
  const tokens = (of: "input_tokens" | "output_tokens") =>
    planned.reduce((total, { told }) => total + (told[of] ?? 0), 0);
  expect(sums).toMatchObject({
    events: requests.length,
    inputTokens: tokens("input_tokens"),
    outputTokens: tokens("output_tokens"),
    freeEvents: planned.filter(({ told }) => told.model?.endsWith(":free")).length,
    ownKeyEvents: planned.filter(({ told }) => told.byok).length,
  });
});

test("a user who used nothing is expected to have used nothing", () => {
  expect(expectedOf([], ["nobody"]).get("nobody")).toMatchObject({ events: 0, inputTokens: 0, services: {} });
});
