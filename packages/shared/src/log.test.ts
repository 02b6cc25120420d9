import { expect, test } from "vitest";
import { scrub } from "./log.ts";

// prettier-ignore
test.each([
  { name: "provider keys",         text: "key sk-or-v1-0123456789abcdef failed",                   gone: "0123456789abcdef" },
  { name: "bearer tokens",         text: "Authorization: Bearer eyJhbGciOi.eyJzdWIi.c2ln",         gone: "eyJhbGciOi" },
  { name: "passwords in URLs",     text: "cannot reach postgres://credits:hunter2@db:5432/credits", gone: "hunter2" },
])("$name never reach the log", ({ text, gone }) => {
  expect(scrub(text)).not.toContain(gone);
  expect(scrub(text)).toContain("[redacted]");
});
