import { expect, inject, test } from "vitest";
import { openDb } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import type { Problem } from "../harness/answer.ts";
import { admin, somebody } from "../harness/person.ts";
import { acting, gets, posts } from "./stories.ts";
import type { Story } from "./story.ts";

const JSON_BODY = { "content-type": "application/json" };

test.each(gets)("$route takes each parameter once, in percent-encoded UTF-8", async ({ route }) => {
  const root = await admin();
  const path = route.split(" ")[1] ?? "";
  for (const query of [
    "?user_id=a&user_id=a",
    "?user_id=%ff",
    "?user_id=%00",
    "?user_id=%",
    "?user_id[]=a",
    "?USER_ID=a",
  ])
    expect([query, (await root.send("GET", `${path}${query}`)).status]).toEqual([query, 422]);
  expect((await root.send("GET", `${path}?`)).status).toBe(200);
});

test.each(posts)("$route reads a body that is a JSON object in UTF-8, and no other", async ({ route }) => {
  const root = await admin();
  const path = route.split(" ")[1] ?? "";
  const send = async (body: string | Uint8Array, headers: Record<string, string> = JSON_BODY) => {
    const { status, json } = await root.send("POST", path, { body, headers });
    return `${status} ${(json as Problem).code}`;
  };
  for (const body of ["{", "{'a':1}", '{"a":1}}', "nonsense", new Uint8Array([0x22, 0xff, 0x22])])
    expect(await send(body)).toBe("400 malformed_json");
  for (const body of ["[]", "1", '"text"', "null", "true"]) expect(await send(body)).toBe("422 invalid_request");
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/json; charset=latin1",
    "application/jsonp",
  ])
    expect(await send("{}", { "content-type": type })).toBe("415 unsupported_media_type");
  expect(await send(Buffer.from("{}"), {})).toBe("415 unsupported_media_type");
  expect(await send('{"a":"\\u0000"}')).toBe("422 invalid_request");
  expect(await send('{"a\\u0000":1}')).toBe("422 invalid_request");
  expect(await send('{"a":"\\ud800"}')).toBe("422 invalid_request");
});

test.each(posts)("$route takes no body for {}", async ({ route, command }) => {
  const root = await admin();
  const path = route.split(" ")[1] ?? "";
  const { errors } = (await root.send("POST", path)).json as Problem;
  expect(errors).toEqual((await root.refused(command, {})).errors);
  expect(errors).not.toEqual([]);
});

test.each(posts)("$route takes $bodyMaxBytes bytes and not one more", async (story) => {
  const root = await admin();
  const path = story.route.split(" ")[1] ?? "";
  const body = JSON.stringify(acting(story, root.sub, true));
  const send = (bytes: number) => root.send("POST", path, { headers: JSON_BODY, body: body.padEnd(bytes) });
  expect((await send(story.bodyMaxBytes)).status).toBe(200);
  const tooLarge = await send(story.bodyMaxBytes + 1);
  expect([tooLarge.status, (tooLarge.json as Problem).code]).toEqual([413, "payload_too_large"]);
});

test.each(posts.filter(({ takesMetadata }) => takesMetadata))(
  "$route keeps metadata of 4 KB and not one byte more",
  async (story) => {
    const root = await admin();
    const of = (bytes: number) => ({ note: "x".repeat(bytes - '{"note":""}'.length) });
    const status = async (metadata: unknown) =>
      (await root.ask(story.command, { ...acting(story, root.sub, true), metadata })).status;
    expect(await status(of(4096))).toBe(200);
    expect(await status(of(4097))).toBe(422);
    expect(await status({ note: "é".repeat(2048) })).toBe(422);
    for (const metadata of [[], "text", 1, null, { a: { b: "\u0000" } }]) expect(await status(metadata)).toBe(422);
  },
);

test.each(posts)("$route happens once for a key, and answers it again byte for byte", async (story) => {
  const [root, other, about] = [await admin(), await admin(), somebody()];
  const [first, second] = story.inputs.map((input) => ({
    ...input,
    ...(story.admin[1] === 200 && { user_id: about }),
  }));
  const key = somebody("key");
  const done = await root.ask(story.command, first, { "idempotency-key": key });
  expect([done.status, done.headers.get("idempotency-replayed")]).toEqual([200, null]);
  for (const again of [key, `"${key}"`]) {
    const replayed = await root.ask(story.command, first, { "idempotency-key": again });
    expect([replayed.text, replayed.headers.get("idempotency-replayed")]).toEqual([done.text, "true"]);
  }
  const conflict = await root.refused(story.command, second, { "idempotency-key": key });
  expect(conflict).toMatchObject({ status: 409, code: "idempotency_conflict" });
  const ofAnother = await other.ask(story.command, second, { "idempotency-key": key });
  expect([ofAnother.status, ofAnother.headers.get("idempotency-replayed")]).toEqual([200, null]);
});

test.each(posts)("$route says when the answer of a key is no longer kept", async (story) => {
  const root = await admin();
  const input = acting(story, root.sub, true);
  await root.ok(story.command, input, { "idempotency-key": "old" });
  await age(story, root.sub, "8 days");
  const problem = await root.refused(story.command, input, { "idempotency-key": "old" });
  expect(problem).toMatchObject({ status: 409, code: "idempotency_key_expired" });
});

test.each(posts)("$route refuses a key that is none", async (story) => {
  const root = await admin();
  for (const key of ["", '""', '"open', "x".repeat(256), "a\tb"]) {
    const problem = await root.refused(story.command, story.inputs[0], { "idempotency-key": key });
    expect(problem).toMatchObject({ status: 422, errors: [{ path: "Idempotency-Key" }] });
  }
  await root.ok(story.command, acting(story, root.sub, true), { "idempotency-key": "x".repeat(255) });
});

async function age({ owner }: Story, callerId: string, by: string): Promise<void> {
  const db = openDb({ url: inject("platform").databaseUrls[owner], name: "e2e", poolMax: 1 });
  const aged = await db.run(
    sql`update commands set created_at = created_at - ${by}::interval where user_id = ${callerId}`,
  );
  await db.close();
  expect(aged).toBe(1);
}
