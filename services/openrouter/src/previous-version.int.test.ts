/** While services are exchanged, the version before states goes on writing what it knows: these are its statements. */
import { expect, test } from "vitest";
import { z } from "zod";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { readDue } from "./requests.store.ts";

const { db } = await testDatabase("openrouter");
const Row = z.object({ state: z.string(), payer: z.string() });
const rowOf = (id: string) => db.one(Row, sql`select state, payer from routed_requests where request_id = ${id}`);
const claim = (id: string) =>
  db.run(sql`insert into routed_requests (user_id, request_id, model, asked_by) values ('ann', ${id}, 'a/b', 'chat')`);
const answer = (id: string) =>
  db.run(sql`update routed_requests set answered_at = clock_timestamp(), report = '{}' where request_id = ${id}`);

test("a request of the previous version is claimed, answered and recorded beside this one", async () => {
  await claim("r1");
  expect(await rowOf("r1")).toEqual({ state: "sent", payer: "byok" });
  // It is in that version's hands: nobody looks for its bill.
  expect(await readDue(db, 10)).toEqual([]);
  await answer("r1");
  expect(await rowOf("r1")).toMatchObject({ state: "answered" });
  expect((await readDue(db, 10)).map(({ requestId }) => requestId)).toEqual(["r1"]);
  await db.run(
    sql`update routed_requests set recorded_at = clock_timestamp(), last_error = null where request_id = 'r1'`,
  );
  expect(await rowOf("r1")).toMatchObject({ state: "recorded" });
});

test("one that was under way when the tables changed is answered all the same", async () => {
  await claim("r2");
  await db.run(sql`update routed_requests set state = 'lost' where request_id = 'r2'`);
  await answer("r2");
  expect(await rowOf("r2")).toMatchObject({ state: "answered" });
});
