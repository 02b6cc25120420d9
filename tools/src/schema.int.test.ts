import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ROOT } from "./checkout.ts";
import { OWNERS, rolesOf, type Owner } from "./databases.ts";
import { openBooks } from "./ledgers.ts";
import { readSchema, type Schema } from "./schema.ts";
import { databaseDocument } from "./schema-text.ts";
import { testRoles } from "./testing/roles.ts";

const { urls, prefix } = await testRoles();
const books = openBooks(urls.auditUrls, "test");
afterAll(() => books.close());
const read: [Owner, Schema][] = [];
for (const owner of OWNERS) read.push([owner, await readSchema(books[owner], rolesOf(owner, prefix))]);
const schemas = Object.fromEntries(read) as Record<Owner, Schema>;

test.each(OWNERS)("every table, view, column and function of %s says what it is", (owner) => {
  const { tables, routines } = schemas[owner];
  const silent = [
    ...[...tables, ...routines].filter(({ comment }) => comment === null).map(({ name }) => name),
    ...tables.flatMap(({ name, columns }) =>
      columns.filter(({ comment }) => comment === null).map((column) => `${name}.${column.name}`),
    ),
  ];
  expect(tables.length).toBeGreaterThan(5);
  expect(silent).toEqual([]);
});

test("a table of a user's things begins its key with the user, so that users can be spread over servers", () => {
  // The outbox is a queue; a redemption belongs to its code.
  const apart = new Set(["outbox", "coupon_redemptions"]);
  const others = Object.values(schemas)
    .flatMap(({ tables }) => tables)
    .filter(({ name, is_view: isView }) => !isView && !apart.has(name))
    .filter(({ columns, key }) => columns.some(({ name }) => name === "user_id") && key[0] !== "user_id");
  expect(others.map(({ name }) => name)).toEqual([]);
});

test("there are the three views that are promised", () => {
  const views = Object.values(schemas).flatMap(({ tables }) => tables.filter(({ is_view: isView }) => isView));
  expect(views.map(({ name }) => name).toSorted()).toEqual(["active_coupons", "daily_usage", "monthly_credit_summary"]);
});

test("docs/DATABASE.md is up to date: npm run database-doc writes it", async () => {
  expect(databaseDocument(schemas)).toBe(await readFile(join(ROOT, "docs/DATABASE.md"), "utf8"));
});
