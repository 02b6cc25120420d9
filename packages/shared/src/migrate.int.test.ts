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

/** A database to which this was done, as code of before meets it that knows the first migration and the third only. */
async function startsOn(newer: Record<string, string>, known: Record<string, string> = KNOWN): Promise<string> {
  const { db } = await testDatabase("empty");
  await migrate(db, await folderOf({ ...KNOWN, ...newer }));
  return migrate(db, await folderOf(known)).then(
    (isNewest) => (isNewest ? "it has the newest" : "it starts"),
    (error: Error) => error.message,
  );
}
const KNOWN = { ...FIRST, "0003_three.sql": "select 3" };
const refuses = (name: string) =>
  `this code is older than its database: it does not know ${name}. Start the version that does`;

// prettier-ignore
test.each([
  { name: "a newer version has only added to",                    newer: { "0004_four.sql": "alter table one add column m int" },   says: "it starts" },
  { name: "lost what code of before can do without",              newer: { "0004_drop_after_0003.sql": "drop table one" },          says: "it starts" },
  { name: "lost what code of before needs",                       newer: { "0004_four.sql": "", "0005_drop_after_0004.sql": "" },   says: refuses("0005_drop_after_0004.sql") },
  { name: "was made by another line of versions",                 newer: { "0002_two.sql": "" },                                    says: refuses("0002_two.sql") },
])("code of before on a database that $name: $says", async ({ newer, says }) => {
  expect(await startsOn(newer)).toBe(says);
});

test("code does not bring a database up to date that has what it does not know", async () => {
  expect(await startsOn({ "0004_four.sql": "" }, { ...KNOWN, "0005_five.sql": "" })).toBe(refuses("0004_four.sql"));
});

test("a migration that was changed is told", async () => {
  const { db } = await testDatabase("empty");
  await migrate(db, await folderOf({ ...FIRST, "0002_two.sql": "select 1" }));
  await expect(migrate(db, await folderOf({ ...FIRST, "0002_two.sql": "select 2" }))).rejects.toThrow(
    /0002_two.sql is not what it was/,
  );
});
