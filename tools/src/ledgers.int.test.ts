import { afterAll, expect, test } from "vitest";
import { sql } from "@tollbooth/shared/sql";
import { z } from "zod";
import { openBooks } from "./ledgers.ts";
import { testRoles } from "./testing/roles.ts";

const { urls } = await testRoles();
const books = openBooks(urls.auditUrls, "test");
afterAll(() => books.close());

test("an audit reads a table for minutes where it is large, and not for ever", async () => {
  const row = z.object({ statement_timeout: z.string() });
  expect(await books.credits.one(row, sql`show statement_timeout`)).toEqual({ statement_timeout: "10min" });
});
