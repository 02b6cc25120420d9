import { expect, onTestFinished, test } from "vitest";
import { until } from "./local/condition.ts";
import { Lease } from "./relay.ts";
import { testDatabase } from "./testing/postgres.ts";

const { db } = await testDatabase("empty");

function lease(silentMaxMs?: number): Lease {
  const made = new Lease(db, silentMaxMs);
  onTestFinished(() => made.close());
  return made;
}

test("the right to relay passes on when its holder falls silent, though its connection stands", async () => {
  const [frozen, other] = [lease(200), lease()];
  expect(await frozen.hold()).toBeDefined();
  expect(await other.hold()).toBeUndefined();
  expect(await until(async () => (await other.hold()) !== undefined, 5_000)).toBe(true);
  expect(await frozen.hold()).toBeUndefined();
});
