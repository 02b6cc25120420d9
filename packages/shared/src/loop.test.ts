import fc from "fast-check";
import { expect, test } from "vitest";
import { until } from "./local/condition.ts";
import { openLog } from "./log.ts";
import { Loop } from "./loop.ts";

const WITHIN_MS = 2_000;
const open = (round: () => Promise<void>, more: { pauseMs?: number; stallMs?: number; onStall?: () => void } = {}) =>
  new Loop({
    name: "test",
    log: openLog("test", "silent"),
    round,
    pauseMs: 60_000,
    stallMs: 60_000,
    onStall: () => {},
    ...more,
  });

test("a loop that is woken in its pause, or during a round, does the next round at once", async () => {
  let rounds = 0;
  const loop: Loop = open(async () => {
    if (++rounds === 2) loop.wake();
  });
  expect(await until(() => rounds === 1, WITHIN_MS)).toBe(true);
  loop.wake();
  expect(await until(() => rounds === 3, WITHIN_MS)).toBe(true);
  await loop.close();
});

test("a loop whose rounds fail goes on, and nobody can wake it into a storm of failures", async () => {
  let rounds = 0;
  const loop: Loop = open(
    () => {
      rounds++;
      loop.wake();
      return Promise.reject(new Error("away"));
    },
    { pauseMs: 0 },
  );
  expect(await until(() => rounds >= 3, 10_000)).toBe(true);
  // Each failure is waited out for 250 ms at the least.
  const atMs = performance.now();
  const before = rounds;
  await until(() => rounds >= before + 2, 10_000);
  expect(performance.now() - atMs).toBeGreaterThan(200);
  await loop.close();
});

test("closing waits for the round in hand and starts no other", async () => {
  let [begun, ended] = [0, 0];
  const loop = open(
    async () => {
      begun++;
      await until(() => false, 50);
      ended++;
    },
    { pauseMs: 0 },
  );
  await until(() => begun === 1, WITHIN_MS);
  await loop.close();
  expect([begun, ended]).toEqual([1, 1]);
});

test("a round that does not end is told, so that the process can be ended", async () => {
  let stalled = false;
  let release = () => {};
  const loop = open(() => new Promise<void>((resolve) => (release = resolve)), {
    stallMs: 20,
    onStall: () => (stalled = true),
  });
  expect(await until(() => stalled, WITHIN_MS)).toBe(true);
  release();
  await loop.close();
});

test("whatever is woken when, a round sees what was there at the last wake, and no two rounds are at work at once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.nat(10), async (scheduler, wakes) => {
      let [made, atWork, atWorkMost] = [0, 0, 0];
      let hasSeenAll = () => {};
      const seenAll = new Promise<void>((resolve) => (hasSeenAll = resolve));
      const loop = open(async () => {
        atWorkMost = Math.max(atWorkMost, ++atWork);
        const seen = made;
        await scheduler.schedule(Promise.resolve());
        atWork--;
        if (seen === wakes) hasSeenAll();
      });
      for (let i = 0; i < wakes; i++)
        void scheduler.schedule(Promise.resolve()).finally(() => {
          made++;
          loop.wake();
        });
      await scheduler.waitFor(seenAll);
      await scheduler.waitFor(loop.close());
      expect(atWorkMost).toBe(1);
    }),
  );
});
