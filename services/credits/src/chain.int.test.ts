import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Tx } from "@tollbooth/shared/db";
import { breachesOf, type Law } from "@tollbooth/shared/law";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { laws } from "./laws.ts";
import { openPoster, submit } from "./posting.ts";
import { charge, deduct, grant, hold, refund } from "./testing/commands.ts";
import { rootAt, verify } from "./verify.ts";

const { db } = await testDatabase("credits");
const poster = openPoster(db, { aheadMs: 0 }, () => {});

let users = 0;
const COST = { cost: { providerCost: charge("1").amount, markup: charge("0").amount } };
/** A user with a line of every kind of column. */
async function someone(): Promise<string> {
  const userId = `chain-${++users}`;
  for (const command of [
    grant("10"),
    hold("h", "2"),
    { ...charge("1", { holdId: "h" }), model: "m", key: "k", ...COST },
    deduct("1"),
  ]) {
    await submit(poster, { userId, command });
  }
  const { id } = await db.one(
    z.object({ id: z.string() }),
    sql`select id from credit_transactions where user_id = ${userId} and seq = 4`,
  );
  await submit(poster, { userId, command: { ...refund("0.5"), transactionId: id } });
  return userId;
}

class Undo extends Error {}
/** Does something to the journal behind its back, looks, and takes it back. */
async function tampered<T>(change: string, look: (tx: Tx) => Promise<T>): Promise<T> {
  let seen: { value: T } | undefined;
  await db
    .tx(async (tx) => {
      await tx.run({ text: "alter table credit_transactions disable trigger user", values: [] });
      await tx.run({ text: change, values: [] });
      seen = { value: await look(tx) };
      throw new Undo();
    })
    .catch((error: unknown) => {
      if (!(error instanceof Undo)) throw error;
    });
  return (seen as { value: T }).value;
}

const columns = await db.many(
  z.object({ name: z.string(), type: z.string() }),
  sql`select column_name as name, data_type as type from information_schema.columns where table_name = 'credit_transactions' order by ordinal_position`,
);

/** The smallest change of a value of a type. */
function changed(name: string, type: string): string {
  if (name === "user_id") return "'somebody else'";
  if (name === "transaction_type") return "'adjustment'";
  if (type === "numeric") return `coalesce(${name}, 0) + 0.000000000001`;
  if (type === "bigint") return `coalesce(${name}, 0) + 1000`;
  if (type === "timestamp with time zone") return `${name} + interval '1 microsecond'`;
  if (type === "uuid") return "gen_random_uuid()";
  if (type === "json") return `(left(${name}::text, 1) || ' ' || substr(${name}::text, 2))::json`;
  if (name === "hash") return "reverse(hash)";
  return `coalesce(${name}, '') || 'x'`;
}

describe("the journal's chain", () => {
  test("holds as it was written", async () => {
    const userId = await someone();
    expect(await verify(db, userId)).toEqual({ users: 1, lines: 5, breaks: [] });
  });

  test.each(columns.map(({ name, type }) => ({ name, type })))(
    "shows a change of $name in any line",
    async ({ name, type }) => {
      const userId = await someone();
      await db.run(sql`insert into user_credits (user_id, tier, anchor_at, period_start, reset_at, next_due_at, created_at, updated_at)
      values ('somebody else', 'trial', now(), now(), now() + interval '1 month', now(), now(), now()) on conflict do nothing`);
      for (const seq of [1, 3, 5]) {
        // A cost needs both of its parts: the other one is changed with it.
        const both =
          name === "provider_cost" || name === "markup"
            ? `provider_cost = ${changed("provider_cost", type)}, markup = coalesce(markup, 0)`
            : `${name} = ${changed(name, type)}`;
        const { breaks } = await tampered(
          `update credit_transactions set ${both} where user_id = '${userId}' and seq = ${seq}`,
          (tx) => verify(tx, userId),
        );
        expect(breaks.length, `line ${seq}`).toBeGreaterThan(0);
      }
    },
  );

  test.each([1, 3, 5])("shows that line %i was removed", async (seq) => {
    const userId = await someone();
    const { breaks } = await tampered(
      `delete from credit_transactions where user_id = '${userId}' and seq = ${seq}`,
      (tx) => verify(tx, userId),
    );
    expect(breaks.length).toBeGreaterThan(0);
  });

  test("shows that a whole journal was removed, and a head that was changed", async () => {
    const userId = await someone();
    const gone = await tampered(`delete from credit_transactions where user_id = '${userId}'`, (tx) =>
      verify(tx, userId),
    );
    const head = await tampered(
      `update user_credits set head_hash = reverse(head_hash) where user_id = '${userId}'`,
      (tx) => verify(tx, userId),
    );
    expect([gone.breaks.length, head.breaks.length]).toEqual([1, 1]);
  });
});

describe("the root over all heads", () => {
  test("stays what it was at a moment, whatever is posted later", async () => {
    await someone();
    const { now } = await db.one(z.object({ now: z.number() }), sql`select clock_timestamp() as now`);
    const then = await rootAt(db, now + 1);
    // What is posted from here on is posted after that moment.
    await db.run(sql`select pg_sleep(0.005)`);
    await someone();
    expect(await rootAt(db, now + 1)).toEqual(then);
    expect((await rootAt(db, now + 60_000)).root).not.toBe(then.root);
  });

  test("is another one when a chain was rewritten whole", async () => {
    const userId = await someone();
    const at = Date.now() + 60_000;
    const before = await rootAt(db, at);
    const after = await tampered(
      `update credit_transactions set hash = md5(hash) || md5(hash) where user_id = '${userId}'`,
      (tx) => rootAt(tx, at),
    );
    expect(after.root).not.toBe(before.root);
  });
});

test("a line of nobody is found, and no account can go and leave its lines", async () => {
  const userId = await someone();
  const law = laws.find(({ says }) => says === "every line is of an account that there is") as Law;
  const stray = `insert into credit_transactions
    select (json_populate_record(t, json_build_object('user_id', 'nobody', 'id', gen_random_uuid()))).*
    from credit_transactions t where user_id = '${userId}' and seq = 1`;
  expect(await tampered(stray, (tx) => breachesOf(tx, law))).toEqual(["nobody has lines and no account"]);
  await expect(db.run(sql`delete from user_credits where user_id = ${userId}`)).rejects.toThrow("append-only");
});
