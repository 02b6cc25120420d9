import { describe, expect, test } from "vitest";
import { expectPromised } from "./answer.ts";

const PATH = "/api/v1/credits/balance";
const ZERO = "0.000000000000";
const TIME = "2026-11-22T10:00:00.000Z";
// prettier-ignore
const BALANCE = {
  user_id: "alice", balance: ZERO, available: ZERO, held: ZERO, allocated_monthly: ZERO, bonus_credits: ZERO, free_tier_used: ZERO,
  tier: "trial", reset_date: TIME, last_updated: TIME, created_at: TIME,
};
const CARRIED = { "cache-control": "no-store", "x-request-id": "r1" };
const PROBLEM = {
  type: "/problems/not_found",
  title: "There is no such thing",
  status: 404,
  code: "not_found",
  detail: "there is no such user",
  instance: PATH,
  trace_id: "0af7651916cd43dd8448eb211c80319c",
};

/** Tries an answer that differs from a good one in this. */
function answer(json: object, status = 200, headers: Record<string, string> = {}): () => void {
  const type = status === 200 ? "application/json; charset=utf-8" : "application/problem+json; charset=utf-8";
  const all = new Headers({ ...CARRIED, "content-type": type, ...headers });
  return () => expectPromised("GET", PATH, { status, headers: all, text: JSON.stringify(json), json });
}

const problem = (more: object, status = 404, headers = {}) => answer({ ...PROBLEM, ...more }, status, headers);
const as = (code: string, status: number) => ({ code, status, type: `/problems/${code}` });

describe("what is promised", () => {
  test.each([
    { name: "a result", tried: answer(BALANCE) },
    { name: "a refusal", tried: problem({}) },
    {
      name: "a refusal that says when to try again",
      tried: problem(as("unavailable", 503), 503, { "retry-after": "1" }),
    },
  ])("passes: $name", ({ tried }) => {
    expect(tried).not.toThrow();
  });
});

// prettier-ignore
const broken = [
  { name: "a result with a member too many",       tried: answer({ ...BALANCE, secret: 1 }),                          says: "additional properties" },
  { name: "a result with a member too few",        tried: answer({ ...BALANCE, held: undefined }),                    says: "held" },
  { name: "an amount of 2 places",                 tried: answer({ ...BALANCE, held: "0.00" }),                       says: "$/held must match pattern" },
  { name: "an amount that is a number",            tried: answer({ ...BALANCE, held: 0 }),                            says: "held" },
  { name: "a time of another zone",                tried: answer({ ...BALANCE, created_at: "2026-11-22T11:00:00+01:00" }), says: "$/created_at must match pattern" },
  { name: "a result of another type",              tried: answer(BALANCE, 200, { "content-type": "text/plain" }),     says: "application/json" },
  { name: "a result that may be cached",           tried: answer(BALANCE, 200, { "cache-control": "public" }),        says: "Cache-Control" },
  { name: "a refusal of another type",             tried: problem({}, 404, { "content-type": "application/json" }),   says: "problem+json" },
  { name: "a refusal without a trace",             tried: problem({ trace_id: "none" }),                              says: "trace_id" },
  { name: "a refusal of another address",          tried: problem({ instance: "/" }),                                 says: "instance" },
  { name: "a refusal that tells more",             tried: problem({ stack: "at inside" }),                            says: "additional properties" },
  { name: "a refusal with another type's page",    tried: problem({ type: "about:blank" }),                           says: "no page of ours" },
  { name: "a code of another status",              tried: problem({ status: 403 }, 403),                              says: "code must be equal to one of" },
  { name: "a code nobody knows",                   tried: problem(as("teapot", 418), 418),                            says: "status 418 is not documented here" },
  { name: "a refusal that is not documented here", tried: problem(as("insufficient_credits", 402), 402),              says: "status 402 is not documented here" },
  { name: "a bad body that names no field",        tried: problem(as("invalid_request", 422), 422),                   says: "errors" },
  { name: "a refusal with facts of another",       tried: problem({ required: "1" }),                                  says: "what is required" },
  { name: "a replay of what is no POST",           tried: answer(BALANCE, 200, { "idempotency-replayed": "true" }),    says: "Idempotency-Replayed is not documented" },
  { name: "a limit in words of its own",           tried: answer(BALANCE, 200, { ratelimit: "5 left" }),               says: "header RateLimit is 5 left" },
  { name: "401 without a challenge",               tried: problem(as("unauthenticated", 401), 401),                   says: "WWW-Authenticate is missing" },
  { name: "503 without when to try again",         tried: problem(as("unavailable", 503), 503),                       says: "Retry-After is missing" },
];

test.each(broken)("does not pass: $name", ({ tried, says }) => {
  expect(tried).toThrow(says);
});

test("does not pass: one bad item of a list, or an answer where no route is", () => {
  const headers = new Headers({ ...CARRIED, "content-type": "application/json; charset=utf-8" });
  const list = { status: 200, headers, text: "[{}]", json: [{}] };
  expect(() => expectPromised("GET", "/api/v1/credits/transactions", list)).toThrow("must have required property");
  expect(() => expectPromised("GET", "/api/v1/credits/nothing", list)).toThrow("no such route");
  expect(() => expectPromised("POST", "/api/v1/credits/transactions", list)).toThrow("does not take this method");
});
