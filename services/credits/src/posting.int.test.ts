import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { openDb, type Db } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import type { Reply } from "@tollbooth/shared/handler";
import { breachesOf } from "@tollbooth/shared/law";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { newId } from "@tollbooth/shared/id";
import type { Command } from "./command.ts";
import { laws } from "./laws.ts";
import {
  anyAmount,
  anyHoldId,
  charge,
  correct,
  deduct,
  grant,
  hold,
  refund,
  release,
  switchTo,
  TIERS,
} from "./testing/commands.ts";
import { openPoster, post, submit, type Post } from "./posting.ts";

const { db, url } = await testDatabase("credits");
const CLOCK = { aheadMs: 0 };
const poster = openPoster(db, CLOCK, () => {});

const key = (name: string, hash = "same", callerId = "caller") => ({ callerId, key: `rest:${name}`, hash });

let users = 0;
const someone = () => `user-${++users}`;
const times = <T>(n: number, make: (i: number) => Promise<T>) =>
  Promise.allSettled(Array.from({ length: n }, (_, i) => make(i)));
const balanceOf = async (userId: string) =>
  (await db.one(z.object({ balance: z.string() }), sql`select balance from user_credits where user_id = ${userId}`))
    .balance;
const linesOf = (userId: string) =>
  db.many(
    z.object({ transaction_type: z.string(), amount: z.string() }),
    sql`select transaction_type, amount from credit_transactions where user_id = ${userId} order by seq`,
  );
const codes = (results: readonly PromiseSettledResult<Reply>[]) =>
  results.map((result) =>
    result.status === "fulfilled" ? "ok" : result.reason instanceof Fault ? result.reason.code : String(result.reason),
  );
const count = (all: readonly string[], what: string) => all.filter((each) => each === what).length;

describe("races", () => {
  test("50 first sights of a user provision once", async () => {
    const userId = someone();
    await times(50, () => submit(poster, { userId, command: { kind: "settle" } }));
    expect(await linesOf(userId)).toEqual([{ transaction_type: "allocation", amount: "5.000000000000" }]);
  });

  test("100 parallel allocations all count", async () => {
    const userId = someone();
    await times(100, () => submit(poster, { userId, command: grant("0.1") }));
    expect(await balanceOf(userId)).toBe("15.000000000000");
  });

  test("200 parallel deductions of 1 from 105 give 105 and 95 refusals, from two replicas", async () => {
    const userId = someone();
    await submit(poster, { userId, command: grant("100") });
    const replicaDb = openDb({ url, name: "replica", poolMax: 4 });
    const replica = openPoster(replicaDb, CLOCK, () => {});
    const outcomes = codes(
      await times(200, (i) => submit(i % 2 === 0 ? poster : replica, { userId, command: deduct("1") })),
    );
    await replicaDb.close();
    expect([count(outcomes, "ok"), count(outcomes, "insufficient_credits")]).toEqual([105, 95]);
    expect(await balanceOf(userId)).toBe("0.000000000000");
  });

  test("two replicas that meet 40 new users at once in opposite orders provision each once", async () => {
    const ids = Array.from({ length: 40 }, someone);
    const replicaDb = openDb({ url, name: "replica", poolMax: 4 });
    const replica = openPoster(replicaDb, CLOCK, () => {});
    const both = await Promise.allSettled([
      ...ids.map((userId) => submit(poster, { userId, command: grant("1") })),
      ...ids.toReversed().map((userId) => submit(replica, { userId, command: grant("1") })),
    ]);
    await replicaDb.close();
    expect(count(codes(both), "ok")).toBe(80);
    expect(new Set(await Promise.all(ids.map(balanceOf)))).toEqual(new Set(["7.000000000000"]));
  });

  test("30 requests with one key give one effect and equal bytes", async () => {
    const userId = someone();
    const keyed = key("thirty");
    const results = await times(30, () => submit(poster, { userId, command: grant("1"), keyed }));
    const replies = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(new Set(replies.map((reply) => reply.json)).size).toBe(1);
    expect([replies.length, replies.filter((reply) => !reply.replayed).length]).toEqual([30, 1]);
    expect(await balanceOf(userId)).toBe("6.000000000000");
  });
});

describe("a key", () => {
  test("with other content is a conflict, in a later batch and in the same one", async () => {
    const userId = someone();
    const same = await times(2, (i) =>
      submit(poster, { userId, command: grant("1"), keyed: key("clash", `content ${i}`) }),
    );
    const later = await times(1, () =>
      submit(poster, { userId, command: grant("1"), keyed: key("clash", "content 2") }),
    );
    expect(codes([...same, ...later]).toSorted()).toEqual(["idempotency_conflict", "idempotency_conflict", "ok"]);
  });

  test("belongs to its caller: on another user it is a conflict, from another caller it is another key", async () => {
    const [one, two] = [someone(), someone()];
    await submit(poster, { userId: one, command: grant("1"), keyed: key("mine", "for one") });
    const [other] = await times(1, () =>
      submit(poster, { userId: two, command: grant("1"), keyed: key("mine", "for two") }),
    );
    const mine = await submit(poster, {
      userId: two,
      command: grant("1"),
      keyed: key("mine", "for two", "other caller"),
    });
    expect([codes(other ? [other] : []), mine.replayed]).toEqual([["idempotency_conflict"], false]);
  });

  test("used at once on two users takes effect on one only", async () => {
    const pairs = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const ids = [someone(), someone()] as const;
        return codes(
          await times(2, (n) =>
            submit(n === 0 ? poster : openPoster(db, CLOCK, () => {}), {
              userId: ids[n] as string,
              command: grant("1"),
              keyed: key(`pair ${i}`, ids[n]),
            }),
          ),
        );
      }),
    );
    expect(pairs.map((pair) => pair.toSorted())).toEqual(pairs.map(() => ["idempotency_conflict", "ok"]));
  });

  test("remembers a refusal, with its numbers, after the credits have come", async () => {
    const userId = someone();
    const use = { userId, command: deduct("7"), keyed: key("refused") };
    const [first] = await times(1, () => submit(poster, use));
    await submit(poster, { userId, command: grant("100") });
    const [again] = await times(1, () => submit(poster, use));
    const facts = [first, again].map((result) =>
      result?.status === "rejected" && result.reason instanceof Fault ? result.reason.body() : undefined,
    );
    expect(facts[0]).toEqual(facts[1]);
    expect(facts[0]?.facts).toEqual({ required: "7.000000000000", available: "5.000000000000" });
  });

  test("whose answer is no longer kept says so and takes no effect again", async () => {
    const userId = someone();
    const use = { userId, command: grant("1"), keyed: key("old") };
    await submit(poster, use);
    await db.run(sql`update commands set created_at = now() - interval '8 days' where key = 'rest:old'`);
    expect(codes(await times(1, () => submit(poster, use)))).toEqual(["idempotency_key_expired"]);
    expect(await balanceOf(userId)).toBe("6.000000000000");
  });
});

describe("an event", () => {
  test("is applied once, within a batch and after it", async () => {
    const userId = someone();
    const eventId = newId();
    const event = { userId, command: charge("2"), eventId };
    await times(5, () => submit(poster, event));
    await submit(poster, event);
    expect(await balanceOf(userId)).toBe("3.000000000000");
  });
});

describe("one bad command", () => {
  test("never fails its neighbours", async () => {
    const ids = Array.from({ length: 5 }, someone);
    const bad = { ...grant("1"), reason: "a NUL that no text can hold: \0" } as Command;
    const results = await times(5, (i) =>
      submit(poster, { userId: ids[i] as string, command: i === 2 ? bad : grant("1") }),
    );
    expect(codes(results).map((code) => code === "ok")).toEqual([true, true, false, true, true]);
  });
});

describe("the journal", () => {
  test.each([
    "update credit_transactions set amount = 1",
    "delete from credit_transactions",
    "truncate credit_transactions cascade",
  ])("refuses %s", async (text) => {
    await submit(poster, { userId: someone(), command: grant("1") });
    await expect(db.run({ text, values: [] })).rejects.toThrow(/append-only/);
  });
});

// ---- laws, on real Postgres ---------------------------------------------------------------------------------------

const anyCommand = fc.oneof(
  anyAmount.map(grant),
  anyAmount.map(deduct),
  anyAmount.map(charge),
  anyAmount.map(correct),
  anyAmount.map((amount) => refund(amount)),
  fc.tuple(anyHoldId, anyAmount).map(([id, amount]) => hold(id, amount)),
  fc.tuple(anyHoldId, anyAmount).map(([holdId, amount]) => charge(amount, { holdId })),
  anyHoldId.map(release),
  fc.constantFrom(TIERS.trial, TIERS.starter, TIERS.professional).map((tier) => switchTo(tier)),
);
const anyPosts = fc.array(
  fc.record({
    user: fc.integer({ min: 0, max: 2 }),
    command: anyCommand,
    key: fc.option(fc.integer({ min: 0, max: 5 })),
    batch: fc.boolean(),
  }),
  { minLength: 1, maxLength: 25 },
);
type Some = typeof anyPosts extends fc.Arbitrary<infer T> ? T : never;

/** Posts as they came, for users and callers of this run; keys of the same number and command have the same content. */
function posts(run: string, some: Some): Post[] {
  return some.map(({ user, command, key: number }) => ({
    userId: `${run}-${user}`,
    command,
    trace: {},
    ...(number !== null && { keyed: { callerId: run, key: `rest:${number}`, hash: JSON.stringify([user, command]) } }),
  }));
}

async function booksOf(run: string) {
  const Row = z.object({ line: z.string() });
  const rows = await db.many(
    Row,
    sql`select replace(user_id, ${run}, '') || ' ' || seq || ' ' || transaction_type || ' ' || amount || ' ' || balance_after || ' ' || draws as line
        from credit_transactions where starts_with(user_id, ${`${run}-`}) order by user_id, seq`,
  );
  return rows.map((row) => row.line);
}

const posted = async (on: Db, batch: readonly Post[]) => (await on.tx((tx) => post(tx, CLOCK, batch))).outcomes;

const told = (outcomes: readonly (Reply | Fault)[]) =>
  outcomes.map((outcome) =>
    outcome instanceof Fault ? outcome.code : z.object({ balance: z.string() }).parse(JSON.parse(outcome.json)).balance,
  );

describe("laws", () => {
  test("any partition of a sequence into batches gives the same books and the same answers", async () => {
    await fc.assert(
      fc.asyncProperty(anyPosts, async (some) => {
        const [whole, parts] = [someone(), someone()];
        const together = told(await posted(db, posts(whole, some)));
        const apart: (Reply | Fault)[] = [];
        let batch: Post[] = [];
        for (const [i, item] of posts(parts, some).entries()) {
          batch.push(item);
          if (some[i]?.batch || i === some.length - 1) apart.push(...(await posted(db, batch)));
          if (some[i]?.batch) batch = [];
        }
        expect(told(apart)).toEqual(together);
        expect(await booksOf(parts)).toEqual(await booksOf(whole));
      }),
      { numRuns: 50 },
    );
  });

  test("replaying every keyed command anywhere changes nothing and answers the same, refusals included", async () => {
    await fc.assert(
      fc.asyncProperty(anyPosts, async (some) => {
        const run = someone();
        const keyedOnly = posts(
          run,
          some.map((each, i) => ({ ...each, key: i })),
        );
        const first = told(await posted(db, keyedOnly));
        const books = await booksOf(run);
        expect(told(await posted(db, keyedOnly.toReversed()))).toEqual(first.toReversed());
        expect(await booksOf(run)).toEqual(books);
      }),
      { numRuns: 50 },
    );
  });

  test.each(laws.map((each) => [each.says, each] as const))("after all of this %s", async (_, each) => {
    expect(await breachesOf(db, each)).toEqual([]);
  });
});
