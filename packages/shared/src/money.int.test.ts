import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { decimal, MoneyText, print, sum } from "./money.ts";
import { sql, table } from "./sql.ts";
import { testDatabase } from "./testing/postgres.ts";

const { db } = await testDatabase("empty");
const anyAmount = fc.bigInt(-(10n ** 24n), 10n ** 24n).map((picos) => decimal(picos.toString()).div("1e12"));

test("our sums are Postgres' sums, to the last digit, there and back", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyAmount, { minLength: 1, maxLength: 200 }), async (amounts) => {
      const rows = table(
        { amount: "numeric" },
        amounts.map((amount) => ({ amount: print(amount) })),
      );
      const { total } = await db.one(
        z.object({ total: MoneyText }),
        sql`select sum(amount)::numeric(28, 12) as total from ${rows} as a (amount)`,
      );
      expect(print(total)).toBe(print(sum(amounts)));
    }),
    { numRuns: 50 },
  );
});
