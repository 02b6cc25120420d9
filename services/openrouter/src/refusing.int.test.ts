import { expect, test } from "vitest";
import { openExchange } from "@tollbooth/shared/contracts/exchanges";
import { Fault } from "@tollbooth/shared/fault";
import { MODEL, openMetered } from "./testing/metered.ts";
import { codeOf, plain } from "./testing/service.ts";

const { bus, chat, newUser, open, sweepNow, toldOf, usage } = await openMetered();

const ofNothing = (userId: string) => {
  const told = toldOf(userId).filter(({ event_id }) => event_id?.startsWith("refused:"));
  return told.map(({ model, provider_cost, is_free, hold_id, metadata }) => {
    expect([provider_cost?.isZero(), is_free, hold_id]).toEqual([true, false, undefined]);
    const { status, code } = metadata as { readonly status: string; readonly code: string };
    return `${model} ${status} ${code}`;
  });
};

test("a refusal is an event of usage that costs nothing, whoever refuses it, and each time that it is", async () => {
  const userId = newUser("0.01");
  await codeOf(open(userId, { max_tokens: 100_000 }));
  await codeOf(open(userId, { model: "openrouter/auto" }));
  await codeOf(open(userId, {}, { key: "byok" }));
  for (let i = 0; i < 2; i++) await codeOf(chat(userId, { user: "limited" }, { requestId: `limited-${userId}` }));
  await sweepNow(1);
  expect(ofNothing(userId).toSorted()).toEqual([
    `${MODEL} refused insufficient_credits`,
    `${MODEL} refused key_refused`,
    `${MODEL} refused rate_limited`,
    `${MODEL} refused rate_limited`,
    "openrouter/auto refused unpriced_model",
  ]);
  const again = toldOf(userId).filter(({ metadata }) => metadata?.["request_id"] === `limited-${userId}`);
  expect(new Set(again.map(({ event_id }) => event_id)).size).toBe(2);
});

test("a refusal is none where it was never understood, nor where it repeats one that was sent", async () => {
  const userId = newUser();
  const bad = { request_id: "bad", kind: "chat" as const, body: '{"model":7}' };
  expect(await codeOf(bus.ask(openExchange, bad, { caller: plain(userId) }))).toBe("invalid_request");
  await chat(userId, {}, { requestId: "once" });
  expect(await codeOf(open(userId, {}, { requestId: "once" }))).toBe("idempotency_conflict");
  await sweepNow(1);
  expect([toldOf(userId).length, ofNothing(userId)]).toEqual([1, []]);
});

test("a refusal is told when usage is back", async () => {
  const userId = newUser("0");
  usage.refusal = new Fault("unavailable", "usage is away");
  expect(await codeOf(open(userId))).toBe("insufficient_credits");
  await expect(sweepNow(1)).rejects.toThrow("usage is away");
  usage.refusal = undefined;
  usage.told = [];
  await sweepNow(1);
  expect(ofNothing(userId)).toEqual([`${MODEL} refused insufficient_credits`]);
});
