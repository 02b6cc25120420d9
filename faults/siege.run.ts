/**
 * `npm run test:faults`: sieges by seed for as long as one likes, each on a platform of its own. FAULT_SEED is the first seed,
 * FAULT_SEEDS how many there are, FAULT_MINUTES for how long harms come in all.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../tools/src/checkout.ts";
import { HARMS } from "./harms.ts";
import { SEED } from "./random.ts";
import { besiege } from "./siege.ts";
import { figuresOf, summed, withTable, type SeedFigures } from "./table.ts";
import { World } from "./world.ts";

const SEEDS = Number(process.env["FAULT_SEEDS"] || 1);
const MINUTES = Number(process.env["FAULT_MINUTES"] || 1);
/** Platforms mostly wait, as those of other tests do. */
const AT_ONCE = 2;
const MINUTES_EACH = MINUTES / SEEDS;
const FOR_EVER_MS = 0;

test(
  `${SEEDS} sieges of ${MINUTES_EACH} minutes lose nothing and double nothing`,
  async () => {
    const all: SeedFigures[] = [];
    const seeds = Array.from({ length: SEEDS }, (_, i) => SEED + i).values();
    const lane = async () => {
      for (const seed of seeds) {
        const figures = await siege(seed);
        all.push(figures);
        if (figures.wrong.length > 0)
          console.log(`seed ${seed} failed: npm run test:faults -- --seed ${seed} --minutes ${MINUTES_EACH}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    all.sort((a, b) => a.seed - b.seed);
    const run = summed(all, MINUTES);
    console.log(run.table);
    await keep("FAULT_JSON", () => `${JSON.stringify(run.figures, undefined, 2)}\n`);
    await keep("FAULT_WRITE", (before) => withTable(before, run.table));
    expect(all.flatMap(({ seed, wrong }) => wrong.map((what) => `seed ${seed}: ${what}`))).toEqual([]);
  },
  FOR_EVER_MS,
);

async function siege(seed: number): Promise<SeedFigures> {
  const world = await World.open({}, { hasLines: true });
  let figures: SeedFigures | undefined;
  try {
    const endMs = performance.now() + MINUTES_EACH * 60_000;
    const seen = await besiege(world, { seed, harms: HARMS, goesOn: () => performance.now() < endMs });
    figures = figuresOf(seed, seen);
  } catch (error) {
    // What did not come to its end says nothing of what was lost: it failed.
    figures = { seed, wrong: [error instanceof Error ? error.message : String(error)] };
  } finally {
    await world.close(figures === undefined || figures.wrong.length > 0);
  }
  return figures;
}

/** Writes a file that an environment variable names, from what is there. */
async function keep(setting: string, text: (before: string) => string): Promise<void> {
  const name = process.env[setting];
  if (!name) return;
  const path = join(ROOT, name);
  await writeFile(path, text(await readFile(path, "utf8").catch(() => "")));
}
