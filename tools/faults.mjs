/** `npm run test:faults`: says what is asked of faults/siege.run.ts, and starts it. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";

const USE = `npm run test:faults -- --seed N --minutes M [--seeds K] [--json] [--write docs/PROOF.md]
  --seed     the first seed; without it, another one every time
  --minutes  for how long harms come, all seeds together; 1 where it is not said
  --seeds    how many seeds, two at a time, each on a platform of its own; 1 where it is not said
  --json     prints the figures, for programs
  --write    writes the table into this document, from the repository's root, between <!-- sieges --> and <!-- end -->`;
const NUMBERS = ["seed", "seeds", "minutes"];

/** Runs sieges; answers the exit code. `run` starts a program with its arguments, an environment, and where it speaks. */
export async function runFaults(args, root, run) {
  const asked = read(args);
  if (asked === undefined) {
    console.error(USE);
    return 2;
  }
  const folder = await mkdtemp(join(tmpdir(), "tollbooth-siege-"));
  const file = join(folder, "figures.json");
  const settings = {
    ...Object.fromEntries(
      NUMBERS.flatMap((name) => (asked[name] ? [[`FAULT_${name.toUpperCase()}`, asked[name]]] : [])),
    ),
    ...(asked.json && { FAULT_JSON: relative(root, file) }),
    ...(asked.write && { FAULT_WRITE: asked.write }),
  };
  const vitest = [
    join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    "--project",
    "siege",
    "--disableConsoleIntercept",
  ];
  const code = await run(process.execPath, vitest, {
    env: { ...process.env, ...settings },
    // What is for programs stands alone on standard output.
    stdio: asked.json ? ["inherit", 2, 2] : "inherit",
  });
  if (asked.json) process.stdout.write(await readFile(file, "utf8").catch(() => ""));
  await rm(folder, { recursive: true });
  return code;
}

function read(args) {
  const text = { type: "string" };
  const flag = { type: "boolean" };
  try {
    const options = { seed: text, seeds: text, minutes: text, write: text, json: flag };
    const { values } = parseArgs({ args, options });
    return NUMBERS.every((name) => values[name] === undefined || Number(values[name]) > 0) ? values : undefined;
  } catch (error) {
    console.error(error.message);
    return undefined;
  }
}
