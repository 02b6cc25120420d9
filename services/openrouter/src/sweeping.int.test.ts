import { describe, expect, test } from "vitest";
import { createHold } from "@tollbooth/shared/contracts/holds";
import { createOpenRouterAccount } from "@tollbooth/shared/contracts/openrouter";
import { Fault } from "@tollbooth/shared/fault";
import { sql } from "@tollbooth/shared/sql";
import { sweep } from "./sweeping.ts";
import { openMetered, MODEL } from "./testing/metered.ts";
import { codeOf, newKey, plain, SERVICE } from "./testing/service.ts";

const metered = await openMetered();
const { ask, becomes, bus, chat, credits, db, exchanges, metering } = metered;
const { newUser, open, stateOf, sweepNow, take, toldOf, usage } = metered;

describe("a chat of which nobody knows what it cost", () => {
  test("whose answer does not say what it used is settled by its bill", async () => {
    const userId = newUser();
    expect((await chat(userId, { user: "silent" })).headers["X-Tollbooth-Cost"]).toBeUndefined();
    await sweepNow(2);
    expect(await stateOf(userId)).toEqual(["recorded"]);
    expect(credits.of(userId)).toEqual({ available: "0.999951600000", holds: ["captured"] });
    expect(toldOf(userId)).toMatchObject([{ metadata: { status: "looked up" } }]);
  });

  test("whose bill comes late is asked for until it is there, and settled once", async () => {
    const userId = newUser();
    await chat(userId, { user: "silent tardy" });
    await sweepNow(4);
    expect(await stateOf(userId)).toEqual(["recorded"]);
    expect([toldOf(userId).length, credits.of(userId).available]).toEqual([1, "0.999951600000"]);
  });

  test("whose bill never comes is lost in the end: its hold is left to expire", async () => {
    const userId = newUser();
    await chat(userId, { user: "silent forgotten" });
    await sweepNow(12);
    expect([await stateOf(userId), credits.of(userId).holds]).toEqual([["lost"], ["active"]]);
    const lost = { model: MODEL, is_free: false, metadata: { status: "lost" } };
    expect(toldOf(userId)).toMatchObject([lost]);
    expect([toldOf(userId)[0]?.provider_cost?.isZero(), toldOf(userId)[0]?.hold_id]).toEqual([true, undefined]);
  });
});

describe("a chat whose answer says what it used, of a model whose price nobody knows", () => {
  test("is paid as its bill says, once", async () => {
    const [managed, own] = [newUser(), newUser()];
    await ask(createOpenRouterAccount, { api_key: newKey() }, plain(own));
    usage.isPriceless = true;
    for (const userId of [managed, own]) {
      expect((await chat(userId, { user: "unbilled tardy" })).headers["X-Tollbooth-Cost"]).toBeUndefined();
      expect(await stateOf(userId)).toEqual(["answered"]);
    }
    await sweepNow(3);
    for (const userId of [managed, own]) {
      expect(await stateOf(userId)).toEqual(["recorded"]);
      expect(toldOf(userId).at(-1)).toMatchObject({ output_tokens: 3, metadata: { status: "completed" } });
    }
    expect(credits.of(managed)).toEqual({ available: "0.999951600000", holds: ["captured"] });
    expect(credits.of(own)).toEqual({ available: "1.000000000000", holds: [] });
  });

  test("waits for a price where there is no bill, and is charged when an operator has set one", async () => {
    const userId = newUser();
    usage.isPriceless = true;
    await chat(userId, { user: "unbilled forgotten" });
    await sweepNow(12);
    expect([await stateOf(userId), credits.of(userId).holds]).toEqual([["answered"], ["active"]]);
    usage.isPriceless = false;
    await sweepNow(1);
    expect([await stateOf(userId), credits.of(userId).holds]).toEqual([["recorded"], ["captured"]]);
  });
});

describe("after a crash", () => {
  const orphan = async (userId: string, state: string, holdId: string, generationId: string | null = null) => {
    await bus.ask(createHold, { user_id: userId, hold_id: holdId, amount: "0.5", ttl_s: 60 }, { caller: SERVICE });
    await db.run(
      sql`insert into routed_requests (user_id, request_id, model, asked_by, payer, hold_id, is_free, state, generation_id, next_at)
          values (${userId}, 'orphan', ${MODEL}, 'test', 'managed', ${holdId}, false, ${state}, ${generationId}, clock_timestamp())`,
    );
    await sweepNow(2);
  };

  test("what was never sent gives its hold back, and may be asked again", async () => {
    const userId = newUser();
    await orphan(userId, "reserving", `crash-${userId}`);
    expect(credits.of(userId)).toEqual({ available: "1.000000000000", holds: ["released"] });
    expect(await stateOf(userId)).toEqual([]);
  });

  test("what was sent and answered is settled by its bill, once", async () => {
    const [userId, other] = [newUser(), newUser()];
    await chat(other);
    const generation = toldOf(other)[0]?.metadata?.["generation_id"] as string;
    await orphan(userId, "sent", `crash-${userId}`, generation);
    expect(await stateOf(userId)).toEqual(["recorded"]);
    expect(credits.of(userId)).toEqual({ available: "0.999951600000", holds: ["captured"] });
  });

  test("what has no name at OpenRouter is lost", async () => {
    const userId = newUser();
    await orphan(userId, "sent", `crash-${userId}`);
    expect(await stateOf(userId)).toEqual(["lost"]);
  });

  test("what is under way is in its process's hands: nobody else takes a step", async () => {
    const userId = newUser();
    const opened = await open(userId, { stream: true, user: "slow", max_tokens: 8 });
    await sweep(metering);
    expect([await stateOf(userId), exchanges.inHand().map((each) => each.userId)]).toEqual([["sent"], [userId]]);
    await take(userId, opened, true);
    expect(await becomes(userId, "recorded")).toBe(true);
  });
});

test("while credits are away nothing is sent, and what was claimed is given up when they are back", async () => {
  const userId = newUser();
  credits.refusal = new Fault("unavailable", "credits are away");
  expect(await codeOf(open(userId))).toBe("unavailable");
  expect(await stateOf(userId)).toEqual(["refused"]);
  credits.refusal = undefined;
  await sweepNow(1);
  expect(await stateOf(userId)).toEqual([]);
});
