/** Walks of several clients over the whole platform, with harms in them, against a simple model of it. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { anyWalk } from "./plans.ts";
import { SEED } from "./random.ts";
import { Walk } from "./walk.ts";
import { ANSWER_WITHIN_MS } from "./clients.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile({ REQUEST_TIMEOUT_MS: String(ANSWER_WITHIN_MS) });

/** FAULT_RUNS=50 for a long run. */
const RUNS = Number(process.env["FAULT_RUNS"] || 1);
/** On a slow machine; a walk that fails is made smaller until all of them had so long. */
const WALK_WITHIN_MS = 90_000;

let walks = 0;

test(
  "whatever clients ask at once while things die, every answer is one that a model of the platform gives in some order",
  { timeout: (RUNS + 2) * WALK_WITHIN_MS },
  async () => {
    console.log(`walks: ${RUNS} (FAULT_SEED=${SEED})`);
    await fc.assert(
      fc.asyncProperty(anyWalk, async (rounds) => {
        const walk = await Walk.open(world(), `model-${SEED}-${++walks}`);
        for (const round of rounds) await walk.play(round);
        const { held, may, wrong } = await walk.end();
        expect(wrong).toEqual([]);
        expect(may).toContainEqual(held);
      }),
      {
        numRuns: RUNS,
        seed: SEED,
        plugins: [fc.interruptAfterTimeLimit(RUNS * WALK_WITHIN_MS, { failOnInterrupt: true })],
      },
    );
  },
);
