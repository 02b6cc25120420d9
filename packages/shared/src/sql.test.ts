import { describe, expect, test } from "vitest";
import { sql, table } from "./sql.ts";

describe("the sql tag", () => {
  test("binds every value and splices every fragment, numbering parameters through", () => {
    const where = sql`where a = ${1} and b = ${"x"}`;
    const query = sql`select ${0} from t ${where} limit ${9}`;
    expect([query.text, query.values]).toEqual(["select $1 from t where a = $2 and b = $3 limit $4", [0, 1, "x", 9]]);
  });

  test("never puts a value into the text", () => {
    const query = sql`select ${"'; drop table users; --"}`;
    expect(query.text).toBe("select $1");
  });

  test("makes a table of rows with one parameter a column", () => {
    const rows = table({ id: "int", name: "text" }, [
      { id: 1, name: "a" },
      { id: 2, name: "b" },
    ]);
    expect([rows.text, rows.values]).toEqual(["unnest($1::int[], $2::text[])", ["{1,2}", '{"a","b"}']]);
  });
});
