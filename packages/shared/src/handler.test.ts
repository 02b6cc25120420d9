import { describe, expect, test } from "vitest";
import { z } from "zod";
import { command, Id, Metadata, OnUser, type Ask, type Role } from "./contract.ts";
import { Fault } from "./fault.ts";
import { createCoupon } from "./contracts/coupons.ts";
import { deduct } from "./contracts/credits.ts";
import { handle, parseInput, Reply } from "./handler.ts";

const ask = (sub: string, roles: Role[], more: Partial<Ask> = {}): Ask => ({
  caller: { sub, roles },
  requestId: "r",
  deadlineMs: Date.now() + 10_000,
  ...more,
});
const body = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

const contract = (access: Role[] | "public" | "internal") =>
  command({
    subject: "test.things",
    summary: "",
    access,
    input: z.strictObject({ ...OnUser, name: Id.optional(), metadata: Metadata.optional() }),
    output: z.object({ for: z.string() }),
    faults: [],
  });
const endpoint = (access: Role[] | "public" | "internal") =>
  handle(contract(access), async ({ user_id }, context) => ({
    for: access === "public" || access === "internal" ? "anybody" : context.onUser(user_id),
  }));
const outcome = async (access: Role[] | "public" | "internal", input: unknown, by: Ask) => {
  try {
    return (JSON.parse((await endpoint(access).answer(body(input), by)).json) as { for: string }).for;
  } catch (thrown) {
    return Fault.from(thrown).code;
  }
};

describe("who may do what", () => {
  const nobody: Ask = { requestId: "r", deadlineMs: Date.now() + 10_000 };
  // prettier-ignore
  test.each([
    { who: "a user, himself",                        access: ["user"],            by: ask("alice", ["user"]),    on: undefined, gets: "alice" },
    { who: "a user who names himself",               access: ["user"],            by: ask("alice", ["user"]),    on: "alice",   gets: "alice" },
    { who: "a user who names another",               access: ["user"],            by: ask("alice", ["user"]),    on: "bob",     gets: "forbidden" },
    { who: "an admin who names anybody",             access: ["user"],            by: ask("root", ["admin"]),    on: "bob",     gets: "bob" },
    { who: "a service where it is listed",           access: ["user", "service"], by: ask("chat", ["service"]),  on: "bob",     gets: "bob" },
    { who: "a service where it is not listed",       access: ["user"],            by: ask("chat", ["service"]),  on: "bob",     gets: "forbidden" },
    { who: "a user where only services may",         access: ["service"],         by: ask("alice", ["user"]),    on: undefined, gets: "forbidden" },
    { who: "an admin where only services may",       access: ["service"],         by: ask("root", ["admin"]),    on: "bob",     gets: "bob" },
    { who: "a user where only admins may",           access: [],                  by: ask("alice", ["user"]),    on: undefined, gets: "forbidden" },
    { who: "nobody",                                 access: ["user"],            by: nobody,                    on: undefined, gets: "unauthenticated" },
    { who: "nobody where all may",                   access: "public" as const,   by: nobody,                    on: undefined, gets: "anybody" },
    { who: "another service's process",              access: "internal" as const, by: nobody,                    on: undefined, gets: "anybody" },
  ])("$who: $gets", async ({ access, by, on, gets }) => {
    expect(await outcome(access as Role[], on === undefined ? {} : { user_id: on }, by)).toBe(gets);
  });
});

describe("bad input is told and never reaches the work", () => {
  const alice = () => ask("alice", ["user"]);
  let deep: unknown = "end";
  for (let i = 0; i < 200; i++) deep = [deep];
  // prettier-ignore
  test.each([
    { name: "no JSON",                       input: "{",                                  gets: "malformed_json" },
    { name: "an unknown field",              input: { user: "alice" },                    gets: "invalid_request" },
    { name: "an array",                      input: [],                                   gets: "invalid_request" },
    { name: "U+0000 in a name",              input: { name: "a\0b" },                     gets: "invalid_request" },
    { name: "U+0000 deep in metadata",       input: { metadata: { a: [{ b: "\0" }] } },   gets: "invalid_request" },
    { name: "U+0000 in a key of metadata",   input: { metadata: { "a\0": 1 } },           gets: "invalid_request" },
    { name: "half a surrogate pair",         input: '{"metadata":{"a":"\\ud800"}}',       gets: "invalid_request" },
    { name: "a control character in an id",  input: { name: "a\nb" },                     gets: "invalid_request" },
    { name: "an id of 256 characters",       input: { name: "x".repeat(256) },            gets: "invalid_request" },
    { name: "metadata of more than 4 KB",    input: { metadata: { a: "x".repeat(4090) } },  gets: "invalid_request" },
    { name: "a depth that only attacks have", input: { metadata: { deep } },              gets: "invalid_request" },
    { name: "100,000 arrays in each other",   input: `{"metadata":{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}}`, gets: "invalid_request" },
    { name: "100,000 objects in each other",  input: `${'{"metadata":'.repeat(1e5)}1${"}".repeat(1e5)}`,        gets: "invalid_request" },
    { name: "100,000 arrays without an end",  input: "[".repeat(1e5),                     gets: "invalid_request" },
    { name: "a __proto__",                    input: '{"__proto__":{"name":"mallory"}}',  gets: "invalid_request" },
    { name: "a constructor",                  input: '{"constructor":{"prototype":{}}}',  gets: "invalid_request" },
    { name: "a request that came too late",  input: {},                                   gets: "timeout", deadlineMs: 1 },
    { name: "nothing at all is {}",          input: "",                                   gets: "alice" },
    { name: "a backslash before u0000 text", input: { name: "\\u0000" },                  gets: "alice" },
    { name: "an id of 255 astral characters", input: { name: "😀".repeat(255) },          gets: "alice" },
  ])("$name: $gets", async ({ input, gets, deadlineMs }) => {
    expect(await outcome(["user"], input, { ...alice(), ...(deadlineMs && { deadlineMs }) })).toBe(gets);
  });

  test("a __proto__ where any field may be changes no object, and gives nobody a field", async () => {
    let kept: unknown;
    const keeps = handle(contract(["user"]), async ({ metadata }) => {
      kept = metadata;
      return new Reply("{}");
    });
    const text = '{"metadata":{"__proto__":{"admin":true},"a":{"constructor":{"prototype":{"admin":true}}}}}';
    await keeps.answer(Buffer.from(text), alice());
    expect(kept).toMatchObject({ a: {} });
    expect([(kept as { admin?: true }).admin, ({} as { admin?: true }).admin]).toEqual([undefined, undefined]);
    expect(Object.getPrototypeOf(kept)).toBe(Object.prototype);
  });

  // prettier-ignore
  test.each([
    { name: "a percentage", input: createCoupon.input, value: { coupon_type: "percentage_discount", value: "+1" } },
    { name: "a breakdown",  input: deduct.input,       value: { user_id: "a", service: "s", amount: "a ", cost_breakdown: { provider_cost: 1, markup: 1, total: "2" } } },
  ])("$name that hangs on a bad amount is refused for the amount", ({ input, value }) => {
    expect(() => parseInput(input, value)).toThrow(expect.objectContaining({ code: "invalid_request" }));
  });

  test("every bad field is named with its path", async () => {
    const refusal = await endpoint(["user"])
      .answer(body({ name: "", metadata: [] }), alice())
      .catch((thrown: unknown) => Fault.from(thrown));
    expect((refusal as Fault).more.errors?.map(({ path }) => path)).toEqual(["name", "metadata"]);
  });

  test("what is thrown by mistake is told to nobody", async () => {
    const broken = handle(contract(["user"]), () => Promise.reject(new Error("password of the database: hunter2")));
    const fault = await broken.answer(body({}), alice()).catch((thrown: unknown) => Fault.from(thrown));
    expect(JSON.stringify((fault as Fault).body())).not.toContain("hunter2");
  });
});
