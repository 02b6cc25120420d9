import { expect, inject, test } from "vitest";
import { getBalance } from "@tollbooth/shared/contracts/credits";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { STATUS_OF, type Problem } from "../harness/answer.ts";
import { admin, mounted, newUser, Person, service, somebody, visit } from "../harness/person.ts";
import { acting, onUsers, stories, walked } from "./stories.ts";
import type { Story } from "./story.ts";

const KEY_FAULTS = ["idempotency_conflict", "idempotency_key_expired"];

/** Somebody whom both services know. */
async function knownUser(): Promise<Person> {
  const user = await newUser();
  await user.ok(trackUsage, { service: "chat", cost: "0.01" });
  await user.ok(getBalance);
  return user;
}

async function statuses(story: Story, who: Person): Promise<number[]> {
  const known = await knownUser();
  const himself = await who.ask(story.command, story.admin[2] === 422 ? story.inputs[0] : acting(story, who.sub, true));
  const other = await who.ask(story.command, acting(story, known.sub));
  const unknown = await who.ask(story.command, acting(story, somebody()));
  return [himself.status, other.status, unknown.status];
}

test("every route that is mounted has a story, and every story a route", () => {
  const routes = mounted.map(({ http }) => `${http.method.toUpperCase()} ${http.path}`);
  expect(stories.map(({ route }) => route).toSorted()).toEqual(routes.toSorted());
  for (const { route, command } of stories)
    expect(`${command.http?.method.toUpperCase()} ${command.http?.path}`).toBe(route);
});

test.each(walked)("$route takes whom the product says, about whom it says", async (story) => {
  const [user, reporter, root] = [await newUser(), await service(), await admin()];
  expect((await Person.with(undefined).ask(story.command, story.inputs[0])).status).toBe(story.nobody);
  expect({
    user: await statuses(story, user),
    service: await statuses(story, reporter),
    admin: await statuses(story, root),
  }).toEqual({ user: story.user, service: story.service, admin: story.admin });
});

test.each(onUsers)("$route tells a user nothing of another, not even whether he exists", async (story) => {
  const [user, known] = [await newUser(), await knownUser()];
  const of = async (sub: string) => {
    const { status, code, detail } = await user.refused(story.command, acting(story, sub));
    return { status, code, detail };
  };
  expect(await of(known.sub)).toEqual(await of(somebody()));
});

test.each(walked)("$route refuses a bad token, also where none is needed", async ({ command, inputs }) => {
  const reach = inject("platform");
  const expired = await Person.of("late", ["admin"], { ...reach, ttlS: -60 });
  const foreign = await Person.of("foe", ["admin"], {
    ...reach,
    signing: { ...reach.signing, secret: "x".repeat(40) },
  });
  for (const who of [Person.with("Bearer nonsense"), Person.with("Basic YTpi"), expired, foreign]) {
    const answer = await who.ask(command, inputs[0]);
    expect([answer.status, (answer.json as Problem).code]).toEqual([401, "unauthenticated"]);
    expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="tollbooth", error="invalid_token"');
  }
});

test.each(walked)("$route does both of its good requests", async (story) => {
  const root = await admin();
  for (const input of story.inputs) {
    const named = story.admin[1] === 200 ? { user_id: root.sub } : {};
    expect((await root.ask(story.command, { ...input, ...named })).status).toBe(200);
  }
});

test.each(walked)("$route refuses what it does not know", async (story) => {
  const root = await admin();
  const problem = await root.refused(story.command, { ...acting(story, root.sub, true), colour: "red" });
  expect(problem).toMatchObject({
    status: 422,
    code: "invalid_request",
    errors: [{ message: 'unknown field "colour"' }],
  });
});

/** The methods that some route takes at a path. */
const methodsAt = (path: string) =>
  stories
    .map(({ route }) => route.split(" ") as [string, string])
    .filter(([, pattern]) => new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path))
    .map(([method]) => method);

test.each(walked)("$route takes its own methods only", async ({ route }) => {
  const root = await admin();
  const [, path] = route.split(" ") as [string, string];
  const own = methodsAt(path);
  const allowed = own.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].filter((name) => !own.includes(name))) {
    const answer = await root.send(method, path);
    expect([method, answer.status]).toEqual([method, 405]);
    expect(answer.headers.get("allow")?.split(", ").toSorted()).toEqual(allowed.toSorted());
  }
  expect((await root.send("HEAD", path)).status).toBe(own.includes("GET") ? 200 : 405);
});

test.each(walked)("$route is at its exact address and at no other", async ({ route }) => {
  const root = await admin();
  const [method, path] = route.split(" ") as [string, string];
  for (const other of [`${path}/`, path.toUpperCase(), `/${path}`, `${path}/x`].filter(
    (each) => methodsAt(each).length === 0,
  ))
    expect([other, (await root.send(method, other)).status]).toEqual([other, 404]);
});

test.each(onUsers)("$route refuses a user_id that is none", async (story) => {
  const root = await admin();
  for (const id of ["", "x".repeat(256), "a\u0001b", "a\u0085b", "a\u0000b"]) {
    const problem = await root.refused(story.command, { ...story.inputs[0], user_id: id });
    expect(problem).toMatchObject({ status: 422, code: "invalid_request" });
  }
  for (const id of ["x".repeat(255), "ä 🔑/?&=#%", "\u202e"])
    expect(
      (await root.ask(story.command, { ...story.inputs[0], user_id: `${somebody()}${id}`.slice(0, 255) })).status,
    ).toBe(story.admin[2]);
});

test.each(walked)("$route gives each refusal that it documents", async (story) => {
  const isPost = story.route.startsWith("POST ");
  expect([...Object.keys(story.refusals), ...(isPost ? KEY_FAULTS : [])].toSorted()).toEqual(
    story.command.faults.toSorted(),
  );
  for (const [code, bringAbout] of Object.entries(story.refusals))
    expect(await bringAbout()).toMatchObject({ code, status: STATUS_OF[code] });
});

test("an address where nothing is, is refused like any other", async () => {
  const nobody = await Person.with(undefined).send("GET", "/nothing");
  expect([nobody.status, (nobody.json as Problem).code]).toEqual([404, "not_found"]);
  expect((await Person.with("Bearer nonsense").send("GET", "/nothing")).status).toBe(401);
  const outside = await visit("/nothing");
  expect([outside.status, outside.json]).toEqual([
    404,
    expect.objectContaining({ code: "not_found", instance: "/nothing" }),
  ]);
});

test("the page that a refusal names says what to do", async () => {
  for (const [code, status] of Object.entries(STATUS_OF)) {
    const page = await visit(`/problems/${code}`);
    expect([page.status, page.text]).toEqual([200, expect.stringContaining(`${status} ${code}`)]);
  }
});
