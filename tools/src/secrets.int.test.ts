import { expect, test } from "vitest";
import { sql, type Sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { plainKeys } from "./secrets.ts";

const { db } = await testDatabase("usage");
const KEY = `sk-or-v1-${"c0ffee42".repeat(8)}`;
const bytes = Buffer.from(`{"api_key":"${KEY}"}`);

// prettier-ignore
const places: { table: string; plant: Sql }[] = [
  { table: "commands",        plant: sql`insert into commands (user_id, key, request_hash, outcome, answer) values ('ann', 'k', '', 'ok', ${`it is ${KEY}`})` },
  { table: "outbox",          plant: sql`insert into outbox (event_id, subject, headers, payload) values (gen_random_uuid(), 's', '{}', ${JSON.stringify({ key: KEY })})` },
  { table: "dead_letters",    plant: sql`insert into dead_letters (stream, seq, subject, headers, body, reason) values ('S', 1, 's', '{}', ${bytes}, 'r')` },
  { table: "usage_event_ids", plant: sql`insert into usage_event_ids (user_id, source, event_id, outcome, content_hash) values (${KEY}, 's', 'e', 'dead', '')` },
];

test.each(places)("a key in plain text in $table is found, and not told", async ({ table, plant }) => {
  await db
    .tx(async (tx) => {
      expect(await plainKeys(tx)).toEqual([]);
      await tx.run(plant);
      expect(await plainKeys(tx)).toEqual([`${table}: a key stands in 1 row`]);
      throw new Error("undo");
    })
    .catch((error: Error) => expect(error.message).toBe("undo"));
});

test("what only begins like a key, as its hint does, is none", async () => {
  await db.run(
    sql`insert into commands (user_id, key, request_hash, outcome, answer) values ('bob', 'k', '', 'ok', 'sk-or-v1-...ee42')`,
  );
  expect(await plainKeys(db)).toEqual([]);
});
