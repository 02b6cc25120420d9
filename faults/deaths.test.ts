/** Whatever dies while traffic flows: nothing is lost, nothing happens twice, and all is quiet within 45 s. */
import { expect, test } from "vitest";
import { DEATHS } from "./processes.ts";
import { one, UNHARMED } from "./scenario.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile();

/** Nobody in this traffic chats: faults/proxy.test.ts does, and its service dies there. */
test.each(DEATHS.filter(({ on }) => on !== "openrouter"))("$name", async (harm) => {
  expect(await one(world(), harm)).toEqual(UNHARMED);
});
