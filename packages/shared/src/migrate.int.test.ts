import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { migrate } from "./migrate.ts";
import { sql } from "./sql.ts";
import { testDatabase } from "./testing/postgres.ts";

async function folderOf(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tollbooth-migrations-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}
const FIRST = { "0001_one.sql": "create table one (n int); insert into one values (1);" };

test("migrations run once, in order, by whatever number of processes at once", async () => {
  const { db } = await testDatabase("empty");
  const folder = await folderOf({
    ...FIRST,
    "0002_two.sql": "insert into one values (2)",
    "notes.txt": "not one of them",
  });
  await Promise.all(Array.from({ length: 5 }, () => migrate(db, folder)));
  expect(await db.many(z.object({ n: z.number() }), sql`select n from one order by n`)).toEqual([{ n: 1 }, { n: 2 }]);
});

test("one that fails leaves nothing of itself, nor of those before it", async () => {
  const { db } = await testDatabase("empty");
  await expect(migrate(db, await folderOf({ ...FIRST, "0002_bad.sql": "create nonsense" }))).rejects.toThrow();
  const { there } = await db.one(z.object({ there: z.boolean() }), sql`select to_regclass('one') is not null as there`);
  expect(there).toBe(false);
});

test("code that is older than its database says so, and so does one whose migrations were changed", async () => {
  const { db } = await testDatabase("empty");
  await migrate(db, await folderOf({ ...FIRST, "0002_two.sql": "select 1" }));
  await expect(migrate(db, await folderOf(FIRST))).rejects.toThrow(/older than its database.*0002_two/);
  await expect(migrate(db, await folderOf({ ...FIRST, "0002_two.sql": "select 2" }))).rejects.toThrow(
    /0002_two.sql is not what it was/,
  );
});
