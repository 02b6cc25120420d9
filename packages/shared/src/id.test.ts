import { expect, test } from "vitest";
import { newId } from "./id.ts";

test("ids are UUIDs of version 7, and none comes twice", () => {
  const ids = Array.from({ length: 10_000 }, newId);
  for (const id of ids) expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  expect(new Set(ids).size).toBe(ids.length);
});

test("ids sort by when they were made", async () => {
  const before = newId();
  const madeMs = Date.now();
  await expect.poll(() => Date.now()).toBeGreaterThan(madeMs);
  expect(newId() > before).toBe(true);
});
