/**
 * `npm run demo`: the main job of the platform on its own. Replays LLM traffic of two dozen users, states their accounts
 * and audits the books. Exit code 0 only when everything that was sent is there once and the books balance.
 */
import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { HOME } from "./checkout.ts";
import { diceOf } from "./demo/dice.ts";
import { reach, type Reached } from "./demo/reach.ts";
import { showLater } from "./demo/forward.ts";
import { openScene } from "./demo/scene.ts";
import { show, type Script, type Shown } from "./demo/show.ts";
import { whole } from "./demo/tables.ts";
import { readTrace } from "./demo/trace.ts";
import { traffic } from "./demo/traffic.ts";

interface Options {
  readonly events: number;
  readonly seed: number;
  readonly speed?: number;
  readonly trace?: string;
  readonly fastForward?: number;
}

const DAY_S = 86_400;
const SEED_MAX = 1_000_000;
/** Twice this is as far as the books' clock goes. */
const DAYS_MAX = 200;
const PROBLEMS_SHOWN = 20;

const options = new Command("npm run demo --")
  .description("Replays LLM traffic through REST and NATS, states every account and audits the books.")
  .option("--events <number>", "how many requests are made up", wholeNumber, 6_000)
  .option("--seed <number>", "the same seed makes the same requests (default: another one each time)", wholeNumber)
  .option("--trace <file>", "replay a recorded trace instead (CSV: TIMESTAMP, ContextTokens, GeneratedTokens)")
  .option("--speed <factor>", "so many times faster than it happened (default: as fast as the platform takes)", factor)
  .option("--fast-forward <time>", "then let so much time pass, such as 40d, twice, and show what it did", days)
  .parse()
  .opts<Omit<Options, "seed"> & { seed?: number }>();

const code = await main({ ...options, seed: options.seed ?? randomInt(SEED_MAX) }).catch((error: Error) => {
  console.error(`The demo failed: ${error.message}`);
  return 1;
});
// After a failure there may be requests that are still tried again.
process.exit(code);

async function main(what: Options): Promise<number> {
  const script = await scriptOf(what);
  const ending = endOnSignals();
  console.log(`The demo, seed ${script.seed}. Looking for a platform ...`);
  const begin = performance.now();
  // Time that has passed stays passed: it passes in a folder of its own, and not for those who use this checkout's.
  const folder = what.fastForward === undefined ? HOME : join(HOME, "fast-forward");
  const reached = await reach({ env: process.env, folder, tell: console.log });
  ending.stop = reached.stop;
  console.log(`It runs on ${reached.how}, after ${((performance.now() - begin) / 1000).toFixed(1)} s.`);
  try {
    return verdict(await perform(script, reached, what.fastForward));
  } finally {
    await reached.stop();
  }
}

async function perform(script: Script, reached: Reached, forwardDays: number | undefined): Promise<Shown> {
  if (forwardDays !== undefined && reached.forward === undefined)
    throw new Error(
      "--fast-forward moves the clock of a platform of the demo's own: it cannot be done at GATEWAY_URL.",
    );
  const scene = await openScene(reached);
  try {
    const shown = await show(script, scene);
    const problems = [...shown.problems];
    for (const times of forwardDays === undefined ? [] : [1, 2]) {
      const later = times * (forwardDays ?? 0);
      await reached.forward?.(later * DAY_S);
      problems.push(...(await showLater(later, shown.userIds, scene)));
    }
    return { ...shown, problems };
  } finally {
    await scene.close();
  }
}

async function scriptOf({ events, seed, speed, trace }: Options): Promise<Script> {
  const requests =
    trace === undefined
      ? traffic(diceOf(seed), events, Date.now())
      : readTrace(await readFile(trace, "utf8").catch(unreadable), Date.now());
  const run = `${seed}-${Math.floor(Date.now() / 1000).toString(36)}`;
  return { requests, seed, run, isTrace: trace !== undefined, speed };
}

function unreadable(error: Error): never {
  throw new Error(`The trace cannot be read: ${error.message}.`);
}

/** What was started for the demo ends with it, whoever ends it. */
function endOnSignals(): { stop: () => Promise<void> } {
  const ending = { stop: async () => {} };
  let isEnding = false;
  const onSignal = async () => {
    if (isEnding) return;
    isEnding = true;
    console.log("\nStopping ...");
    await ending.stop();
    process.exit(1);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void onSignal());
  return ending;
}

/** The last lines, and the exit code. */
function verdict({ events, seconds, problems }: Shown): number {
  for (const problem of problems.slice(0, PROBLEMS_SHOWN)) console.error(`WRONG: ${problem}`);
  if (problems.length > PROBLEMS_SHOWN) console.error(`... and ${problems.length - PROBLEMS_SHOWN} more.`);
  const exitCode = problems.length === 0 ? 0 : 1;
  const books = exitCode === 0 ? "Nothing lost, nothing doubled, and the books balance" : "The books do not balance";
  const rate = whole(Math.round(events / seconds));
  console.log(`${books}: ${whole(events)} events in ${seconds.toFixed(1)} s, ${rate} a second. Exit code ${exitCode}.`);
  return exitCode;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError("It is a whole number from 1.");
  return Number(text);
}

function days(text: string): number {
  const [, count] = /^(\d{1,3})d$/.exec(text) ?? [];
  if (count === undefined || Number(count) === 0 || Number(count) > DAYS_MAX)
    throw new InvalidArgumentError(`It is a number of days from 1d to ${DAYS_MAX}d.`);
  return Number(count);
}

function factor(text: string): number {
  if (!(Number(text) > 0)) throw new InvalidArgumentError("It is a number above 0.");
  return Number(text);
}
