import { expect, test } from "vitest";
import { faultOf } from "./refusal.ts";

const NOON = Date.parse("2026-11-24T12:00:00Z");
const refused = { status: 429, message: "", retryAfter: null, resetAt: null };

// prettier-ignore
test.each([
  { status: 400, code: "invalid_request" },
  { status: 401, code: "key_refused" },
  { status: 402, code: "insufficient_credits" },
  { status: 403, code: "forbidden" },
  { status: 404, code: "invalid_request" },
  { status: 408, code: "timeout" },
  { status: 413, code: "invalid_request" },
  { status: 422, code: "invalid_request" },
  { status: 429, code: "rate_limited" },
  { status: 500, code: "unavailable" },
  { status: 502, code: "unavailable" },
  { status: 503, code: "unavailable" },
  { status: 504, code: "timeout" },
  { status: 524, code: "timeout" },
  { status: 529, code: "unavailable" },
])("$status is told as $code", ({ status, code }) => {
  expect(faultOf({ ...refused, status }, NOON).code).toBe(code);
});

// prettier-ignore
test.each([
  { name: "as many seconds as told",            more: { retryAfter: "7" },                               seconds: 7 },
  { name: "until the moment told",              more: { retryAfter: "Tue, 24 Nov 2026 12:01:00 GMT" },   seconds: 60 },
  { name: "until the limit is reset",           more: { resetAt: String(NOON + 2500) },                  seconds: 3 },
  { name: "a second where nothing is told",     more: {},                                                seconds: 1 },
  { name: "a second where nonsense is told",    more: { retryAfter: "soon" },                            seconds: 1 },
  { name: "a second where the past is told",    more: { resetAt: String(NOON - 5000) },                  seconds: 1 },
  { name: "a day at most",                      more: { retryAfter: "99999999" },                        seconds: 86_400 },
  { name: "until midnight for free models",     more: { message: "Rate limit exceeded: free-models-per-day", retryAfter: "1" }, seconds: 43_200 },
])("who asks too much waits $name", ({ more, seconds }) => {
  expect(faultOf({ ...refused, ...more }, NOON).more.retryAfterS).toBe(seconds);
});
