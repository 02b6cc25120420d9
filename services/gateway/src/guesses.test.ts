import fc from "fast-check";
import { expect, test } from "vitest";
import { Fault } from "@tollbooth/shared/fault";
import { Guesses } from "./guesses.ts";

const MAX = 3;

test("however many are asked for at once, no more wrong guesses are answered than may be, and who knows waits at most", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(fc.boolean(), { maxLength: 15 }), async (scheduler, codes) => {
      const guesses = new Guesses(MAX, 60);
      const answers = { right: 0, wrong: 0, refused: 0 };
      const ask = async (isThere: boolean) => {
        await scheduler.schedule(Promise.resolve());
        const look = async () => {
          await scheduler.schedule(Promise.resolve());
          if (!isThere) throw new Fault("not_found", "there is no such coupon");
        };
        const code = await guesses.ask("alice", look).then(
          () => "right" as const,
          (fault: Fault) => (fault.code === "not_found" ? ("wrong" as const) : ("refused" as const)),
        );
        answers[code]++;
      };
      await scheduler.waitFor(Promise.all(codes.map(ask)));
      const wrong = codes.filter((isThere) => !isThere).length;
      expect(answers.wrong).toBe(Math.min(MAX, wrong));
      if (wrong < MAX) expect(answers).toEqual({ right: codes.length - wrong, wrong, refused: 0 });
    }),
  );
});
