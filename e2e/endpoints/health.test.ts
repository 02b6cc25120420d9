import { expect, test } from "vitest";
import { visit } from "../harness/person.ts";

test("the gateway says that it lives, to anybody", async () => {
  const answer = await visit("/health/live");
  expect([answer.status, answer.json]).toEqual([200, { status: "up" }]);
});

test("the gateway says that every part of the platform is there, to anybody", async () => {
  const answer = await visit("/health/ready");
  const parts = { broker: "up", coupons: "up", credits: "up", openrouter: "up", usage: "up" };
  expect([answer.status, answer.json]).toEqual([200, { status: "ready", parts }]);
  expect(answer.headers.get("cache-control")).toBe("no-store");
});

test("no answer tells what it was made with, or may be read as something else", async () => {
  for (const path of ["/health/live", "/api/v1/credits/tiers/compare", "/api/v1/credits/balance", "/nothing"]) {
    const { headers } = await visit(path);
    expect(headers.get("x-powered-by")).toBeNull();
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  }
});
