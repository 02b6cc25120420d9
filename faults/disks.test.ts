/** A disk that is full, and has room again later: nothing that was told as done is lost, and all goes on by itself. */
import { expect, test } from "vitest";
import { DISKS } from "./disks.ts";
import { one, UNHARMED } from "./scenario.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile();

test.skipIf(DISKS.length === 0).each(DISKS)("$name", async (harm) => {
  expect(await one(world(), harm)).toEqual(UNHARMED);
});
