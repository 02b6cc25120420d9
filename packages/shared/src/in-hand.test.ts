import fc from "fast-check";
import { expect, test } from "vitest";
import { InHand } from "./in-hand.ts";

test("whatever ends when, and however, there is never more in hand than may be, all that may be, and nothing after the end", async () => {
  const anyWork = fc.array(fc.constantFrom("ends", "fails"), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 4 }), anyWork, async (scheduler, max, works) => {
      const inHand = new InHand(max);
      let [underWay, most] = [0, 0];
      const work = async (how: string) => {
        most = Math.max(most, ++underWay);
        await scheduler.schedule(Promise.resolve());
        underWay--;
        if (how === "fails") throw new Error("fails");
      };
      const taking = async () => {
        for (const how of works) {
          while (!(await inHand.hasRoom())) expect(inHand.isFull).toBe(true);
          inHand.hold(work(how)).catch(() => {});
        }
        await inHand.ended();
        expect([underWay, inHand.isFull]).toEqual([0, false]);
      };
      await scheduler.waitFor(taking());
      expect(most).toBe(Math.min(max, works.length));
    }),
  );
});
