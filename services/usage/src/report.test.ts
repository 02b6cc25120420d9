import { Fault } from "@tollbooth/shared/fault";
import { describe, expect, test } from "vitest";
import { identityIn, readReport, type Message } from "./report.ts";

const STORED = Date.parse("2026-06-01T12:00:00Z");
const body = { user_id: "ann", service: "openai", model: "gpt-4o", tokens: 10 };

const message = (data: unknown, headers: Record<string, string> = {}, subject = "usage.report.litellm"): Message => ({
  subject,
  headers,
  data: Buffer.from(typeof data === "string" ? data : JSON.stringify(data)),
  storedAtMs: STORED,
});
const code = (of: Message): string => {
  try {
    readReport(of);
    return "ok";
  } catch (error) {
    return error instanceof Fault ? error.code : String(error);
  }
};

describe("a report is read", () => {
  test("as a CloudEvent in binary mode", () => {
    const headers = {
      "ce-id": "e-1",
      "ce-source": "litellm",
      "ce-type": "usage",
      "ce-time": "2026-06-01T11:59:00Z",
      "ce-specversion": "1.0",
    };
    const { hash: _hash, ...report } = readReport(message({ ...body }, headers));
    expect(report).toEqual({
      userId: "ann",
      source: "litellm",
      eventId: "e-1",
      report: body,
      occurredAt: Date.parse("2026-06-01T11:59:00Z"),
      receivedAt: STORED,
      trusted: true,
    });
  });

  test("as plain JSON with an event_id", () => {
    expect(readReport(message({ ...body, event_id: "e-1" })).eventId).toBe("e-1");
  });

  // prettier-ignore
  test.each([
    { name: "its own time goes before the envelope's", data: { occurred_at: "2026-06-01T10:00:00Z" }, headers: { "ce-time": "2026-06-01T11:00:00Z" }, at: "2026-06-01T10:00:00Z" },
    { name: "the envelope's before the stream's",      data: {},                                      headers: { "ce-time": "2026-06-01T11:00:00Z" }, at: "2026-06-01T11:00:00Z" },
    { name: "else the stream's",                       data: {},                                      headers: {},                                    at: "2026-06-01T12:00:00Z" },
  ])("at a time: $name", ({ data, headers, at }) => {
    expect(readReport(message({ ...body, event_id: "e", ...data }, headers as Record<string, string>)).occurredAt).toBe(Date.parse(at));
  });

  test("with a percent-encoded id, by the binding's rules, and with one that is not", () => {
    expect(readReport(message(body, { "ce-id": "caf%C3%A9 1" })).eventId).toBe("café 1");
    expect(readReport(message(body, { "ce-id": "50%" })).eventId).toBe("50%");
  });

  test("with the reporter of its subject", () => {
    expect(readReport(message({ ...body, event_id: "e" }, {}, "usage.report.other")).source).toBe("other");
    expect(readReport(message({ ...body, event_id: "e", source: "litellm" })).source).toBe("litellm");
  });
});

test("a repeat that its reporter stamps anew is the same event; one of other content is not", () => {
  const hash = (data: object, headers: Record<string, string> = {}) =>
    readReport(message({ ...body, event_id: "e", ...data }, headers)).hash;
  expect(hash({}, { "ce-time": "2026-06-01T11:00:00Z" })).toBe(hash({}, { "ce-time": "2026-06-01T11:00:01Z" }));
  expect(hash({ cost: 1.5 })).toBe(hash({ cost: "1.50" }));
  expect(hash({ tokens: 11 })).not.toBe(hash({}));
  expect(hash({ occurred_at: "2026-06-01T11:00:00Z" })).not.toBe(hash({}));
});

// prettier-ignore
test.each([
  { name: "no JSON",                       of: message("not json"),                                                    code: "malformed_json" },
  { name: "nothing",                       of: message(""),                                                            code: "invalid_request" },
  { name: "nobody's usage",                of: message({ ...body, user_id: undefined, event_id: "e" }),                code: "invalid_request" },
  { name: "no id",                         of: message(body),                                                          code: "invalid_request" },
  { name: "two ids",                       of: message({ ...body, event_id: "a" }, { "ce-id": "b" }),                  code: "invalid_request" },
  { name: "an id that is too long",        of: message(body, { "ce-id": "x".repeat(129) }),                            code: "invalid_request" },
  { name: "another reporter's name",       of: message({ ...body, event_id: "e", source: "other" }),                   code: "invalid_request" },
  { name: "a time that is none",           of: message(body, { "ce-id": "e", "ce-time": "noon" }),                     code: "invalid_request" },
  { name: "an unknown field",              of: message({ ...body, event_id: "e", color: "red" }),                      code: "invalid_request" },
  { name: "a negative cost",               of: message({ ...body, event_id: "e", cost: -1 }),                          code: "invalid_request" },
  { name: "two costs",                     of: message({ ...body, event_id: "e", cost: 1, provider_cost: 1 }),         code: "invalid_request" },
  { name: "a unit of nothing",             of: message({ ...body, event_id: "e", unit: "second" }),                    code: "invalid_request" },
  { name: "U+0000",                        of: message({ ...body, event_id: "e", metadata: { a: "\0" } }),             code: "invalid_request" },
  { name: "100,000 arrays in each other",  of: message("[".repeat(1e5) + "]".repeat(1e5)),                             code: "invalid_request" },
  { name: "100,000 objects in each other", of: message(`${'{"metadata":'.repeat(1e5)}1${"}".repeat(1e5)}`),            code: "invalid_request" },
  { name: "a __proto__",                   of: message('{"__proto__":{"user_id":"ann"},"event_id":"e"}'),              code: "invalid_request" },
  { name: "a constructor",                 of: message({ ...body, event_id: "e", constructor: { prototype: {} } }),    code: "invalid_request" },
])("a report is refused, not guessed at: $name", ({ of, code: refusal }) => {
  expect(code(of)).toBe(refusal);
});

// prettier-ignore
test.each([
  { name: "of a report that says too much",     of: message({ ...body, event_id: "e", color: "red" }), identity: { userId: "ann", source: "litellm", eventId: "e" } },
  { name: "of one with its id in the envelope", of: message({ user_id: "ann" }, { "ce-id": "e" }),     identity: { userId: "ann", source: "litellm", eventId: "e" } },
  { name: "but not of one without a user",      of: message({ event_id: "e" }),                         identity: undefined },
  { name: "nor of one without an id",           of: message({ user_id: "ann" }),                        identity: undefined },
  { name: "nor of bytes that are no JSON",      of: message("{"),                                       identity: undefined },
])("which event it is can be told $name", ({ of, identity }) => {
  expect(identityIn(of)).toEqual(identity);
});
