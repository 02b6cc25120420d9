/** Whatever dies while traffic flows: nothing is lost, nothing happens twice, and all is quiet within 45 s. */
import { expect, test } from "vitest";
import { DEATHS } from "./harms.ts";
import { UNHARMED, weather } from "./scenario.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile();

test.each(DEATHS)("$name", async ({ name, to }) => {
  const verdict = await weather(world(), name, async ({ inject }) => inject(name, () => to(world())));
  expect(verdict).toEqual(UNHARMED);
});
