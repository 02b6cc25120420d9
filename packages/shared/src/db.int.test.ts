import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { isTransient, type Tx } from "./db.ts";
import { Fault } from "./fault.ts";
import { until } from "./local/condition.ts";
import { sql, table } from "./sql.ts";
import { testDatabase } from "./testing/postgres.ts";

const { db } = await testDatabase("empty");

const pidOf = async (tx: Tx) => (await tx.one(z.object({ pid: z.number() }), sql`select pg_backend_pid() as pid`)).pid;
const isThere = async (pid: number) => (await db.run(sql`select from pg_stat_activity where pid = ${pid}`)) > 0;
const codeOf = (thrown: unknown) => (thrown instanceof Fault ? thrown.code : thrown);

/** Ends a connection while it is at work. */
async function cut(work: (marked: ReturnType<typeof sql>) => Promise<unknown>): Promise<unknown> {
  const outcome = work(sql`select pg_sleep(20), 'cut me'`).then(() => "done", codeOf);
  const isCut = async () =>
    (await db.run(sql`select pg_terminate_backend(pid) from pg_stat_activity
        where query like '%cut me%' and state = 'active' and pid <> pg_backend_pid()`)) > 0;
  expect(await until(isCut, 5_000)).toBe(true);
  return outcome;
}

test("a question whose connection dies is told that the database is away, and the next one is answered", async () => {
  expect(await cut((query) => db.run(query))).toBe("unavailable");
  expect(await db.run(sql`select 1`)).toBe(1);
});

test("a transaction whose connection dies is told that the database is away, and the next one works", async () => {
  expect(await cut((query) => db.tx((tx) => tx.run(query)))).toBe("unavailable");
  expect(await db.tx((tx) => tx.run(sql`select 1`))).toBe(1);
});

test("a transaction that stood still too long may be tried again: its connection was cut, nothing was wrong with it", async () => {
  const standStill = db.tx(async (tx) => {
    const pid = await pidOf(tx);
    await tx.run(sql`set local idle_in_transaction_session_timeout = 20`);
    await until(async () => !(await isThere(pid)), 5_000);
    await tx.run(sql`select 1`);
  });
  expect(await standStill.catch(codeOf)).toBe("unavailable");
  // The same, where the statement that goes on meets the cut.
  expect(isTransient(Object.assign(new Error("terminating connection"), { code: "25P03" }))).toBe(true);
});

test("what the database refuses is no outage", async () => {
  expect(await db.run(sql`select 1 / 0`).catch(codeOf)).toMatchObject({ code: "22012" });
});

test("statements of a transaction are done in the order in which they are asked, answered or not", async () => {
  await db.run(sql`create table asked (n bigint generated always as identity, what text not null)`);
  await db.tx(async (tx) => {
    await Promise.all(["a", "b", "c"].map((what) => tx.run(sql`insert into asked (what) values (${what})`)));
  });
  const rows = await db.many(z.object({ what: z.string() }), sql`select what from asked order by n`);
  expect(rows.map(({ what }) => what)).toEqual(["a", "b", "c"]);
});

test("a transaction says what failed first, whichever answer its work looked at", async () => {
  const told = await db
    .tx(async (tx) => {
      // As a disk that is full: the database is away, and trying again makes sense.
      const full = tx.run(sql`do $$ begin raise exception 'no space left' using errcode = '53100'; end $$`);
      full.catch(() => {});
      await tx.run(sql`select 1`);
      await full;
    })
    .catch(codeOf);
  expect(told).toBe("unavailable");
});

test("a transaction in which a statement failed keeps nothing, whether or not the work looked at it", async () => {
  await db.run(sql`create table kept (n int)`);
  const careless = db.tx(async (tx) => {
    await tx.run(sql`insert into kept values (${1})`);
    await tx.run(sql`select 1 / ${0}::int`).catch(() => {});
  });
  await expect(careless).rejects.toThrow("nothing was kept");
  const unheard = db.tx(async (tx) => {
    await Promise.all([tx.run(sql`select 1 / ${0}::int`), tx.run(sql`insert into kept values (${2})`)]);
  });
  expect(await unheard.catch(codeOf)).toMatchObject({ code: "22012" });
  expect(await db.run(sql`select from kept`)).toBe(0);
});

test("whatever plain values a table of rows is made of, Postgres reads the same", async () => {
  // All that Postgres can hold: it knows no NUL.
  const text = fc.string({ unit: "binary", maxLength: 20 }).filter((some) => !some.includes("\0"));
  // prettier-ignore
  const awkward = fc.constantFrom("", "null", "NULL", "{}", '"', "\\", "\\n", "a,b", " ", "\n", "\u2028", '{"x":"\\""}');
  const row = fc.record({
    text: fc.option(fc.oneof(text, awkward)),
    // Plus nothing, because JSON knows no -0.
    number: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0)),
    flag: fc.option(fc.boolean()),
    at: fc.option(fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true })),
  });
  const Row = z.object({
    text: z.string().nullable(),
    number: z.number().nullable(),
    flag: z.boolean().nullable(),
    at: z.number().nullable(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
      const there = table({ text: "text", number: "float8", flag: "boolean", at: "timestamptz" }, rows);
      expect(await db.many(Row, sql`select * from ${there} as t (text, number, flag, at)`)).toEqual(
        rows.map((each) => ({ ...each, at: each.at?.getTime() ?? null })),
      );
    }),
    { numRuns: 300 },
  );
});
