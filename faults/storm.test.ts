/** Harms at random, two at a time, before what the last ones harmed is whole again. */
import { expect, test } from "vitest";
import { DEATHS, DISTURBANCES, RESTARTS } from "./harms.ts";
import { UNHARMED, weather } from "./scenario.ts";
import { worldOfThisFile } from "./world.ts";

const HARMS = [...DEATHS, ...DISTURBANCES, ...RESTARTS];
const PAIRS = 3;

const world = worldOfThisFile();

test("a storm", async () => {
  const verdict = await weather(world(), "a storm", async ({ traffic, random, inject }) => {
    for (let pair = 0; pair < PAIRS; pair++) {
      const first = random.pick(HARMS);
      const second = random.pick(HARMS.filter((harm) => harm !== first));
      // Where the one has just taken down what the other would harm, there is nothing to harm.
      await Promise.allSettled([first, second].map(({ name, to }) => inject(name, () => to(world()))));
      await traffic.answers(random.whole(0, 30));
    }
  });
  expect(verdict).toEqual(UNHARMED);
});
