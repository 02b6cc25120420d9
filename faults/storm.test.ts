/** A short siege: harms of all kinds by the seed, several at a time, before what the last ones harmed is whole again. */
import { expect, test } from "vitest";
import { HARMS } from "./harms.ts";
import { SEED } from "./random.ts";
import { UNHARMED } from "./scenario.ts";
import { besiege } from "./siege.ts";
import { worldOfThisFile } from "./world.ts";

const WAVES = 3;
const LONG_MS = 400_000;

const world = worldOfThisFile();

test(
  "a storm",
  async () => {
    const { verdict } = await besiege(world(), { seed: SEED, harms: HARMS, goesOn: (waves) => waves < WAVES });
    expect(verdict).toEqual(UNHARMED);
  },
  LONG_MS,
);
