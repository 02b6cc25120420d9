/** Services are exchanged one by one: a migration leaves to the version before what that reads and writes. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./checkout.ts";
import { OWNERS, type Owner } from "./databases.ts";
import { takenAway } from "./testing/expansion.ts";
import { PREVIOUS } from "./testing/previous.ts";

const folderOf = (owner: Owner) => join(ROOT, "services", owner, "migrations");
const taken = (owner: Owner, file: string) => takenAway(readFileSync(join(folderOf(owner), file), "utf8"));
/** What is taken away in a file of this name is a contraction: code that knows the migration it names does without. */
const CONTRACTION = /_after_(?<needed>\d{4})\.sql$/;

test.each(OWNERS)("migrations of %s since the version before only add, or wait a release to take away", (owner) => {
  const known = PREVIOUS.migrations[owner];
  const isFit = (file: string) => (CONTRACTION.exec(file)?.groups?.["needed"] ?? "9999") <= known;
  const since = readdirSync(folderOf(owner)).filter((file) => file.slice(0, known.length) > known && !isFit(file));
  expect(since.flatMap((file) => taken(owner, file).map((what) => `${file}: ${what}`))).toEqual([]);
});

test("what once had to be mended by another migration would have been noticed", () => {
  expect(taken("openrouter", "0004_metered.sql")).toContain("alter column payer drop default of routed_requests");
});

// prettier-ignore
test.each([
  { sql: "drop table a",                                                 takes: ["drop table a"] },
  { sql: "DROP VIEW a;\n drop index b",                                  takes: ["drop view a"] },
  { sql: "alter view a rename to b",                                     takes: ["alter view a rename to b"] },
  { sql: "alter table a drop column b, drop constraint c",               takes: ["drop column b of a"] },
  { sql: "alter table a drop b",                                         takes: ["drop b of a"] },
  { sql: "alter table only a rename b to c",                             takes: ["rename b to c of a"] },
  { sql: "alter table a alter b type bigint",                            takes: ["alter b type bigint of a"] },
  { sql: "alter table a alter column b set not null",                    takes: ["alter column b set not null of a"] },
  { sql: "alter table a alter column b drop not null",                   takes: ["alter column b drop not null of a"] },
  { sql: "alter table a add column b numeric(28, 12) not null",          takes: ["add column b numeric(28, 12) not null of a"] },
  { sql: "alter table a add b int not null",                             takes: ["add b int not null of a"] },
  { sql: "alter table a add check (b > 0)",                              takes: ["refuses rows by add check (b > 0) of a"] },
  { sql: "create unique index b on a (c)",                               takes: ["refuses rows of a"] },
  { sql: "alter table a add column b int not null default 1",            takes: [] },
  { sql: "alter table a add column b int, add check (b > 0)",            takes: [] },
  { sql: "alter table a add column b bool not null generated always as (c > 0) stored", takes: [] },
  { sql: "alter table a alter column b set default 1, set (fillfactor = 70)", takes: [] },
  { sql: "create table a (b int not null); alter table a drop column b; create unique index on a (b)", takes: [] },
  { sql: "-- drop table a\ncomment on table a is 'drop table a; drop view b'", takes: [] },
  { sql: "create function f() returns void language plpgsql as $$ begin drop table a; end $$", takes: [] },
])("takes away $takes: $sql", ({ sql, takes }) => {
  expect(takenAway(sql)).toEqual(takes);
});
