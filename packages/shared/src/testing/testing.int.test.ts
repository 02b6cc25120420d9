import { expect, test } from "vitest";
import { z } from "zod";
import { greeting } from "../local/ports.ts";
import { sql } from "../sql.ts";
import { testNats } from "./nats.ts";
import { testDatabase } from "./postgres.ts";

const [{ db }, other, nats] = await Promise.all([testDatabase("empty"), testDatabase("empty"), testNats()]);

test("a test file's database is nobody else's", async () => {
  await db.run(sql`create table mine (n int)`);
  const found = await other.db.one(
    z.object({ there: z.boolean() }),
    sql`select to_regclass('mine') is not null as there`,
  );
  expect(found.there).toBe(false);
});

test("a test file's broker has JetStream", async () => {
  const info = await greeting(Number(new URL(nats.url).port));
  expect(info?.toString()).toContain('"jetstream":true');
});
