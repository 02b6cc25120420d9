/** One scenario: traffic flows, things break, traffic flows again, all becomes quiet, and the books are held against what was told. */
import { until } from "@tollbooth/shared/local/condition";
import { audit, quiet } from "../tools/src/books.ts";
import { Chatters, type Bills } from "./chatters.ts";
import { differences, type Difference } from "./check.ts";
import { discardPoison } from "./messages.ts";
import { Random, SEED } from "./random.ts";
import { print } from "./report.ts";
import { QUIET_WITHIN_MS, Traffic } from "./traffic.ts";
import { CONSUMED, type World } from "./world.ts";

/** What a scenario does to the platform while traffic flows. */
export interface Storm {
  readonly world: World;
  readonly traffic: Traffic;
  readonly random: Random;
  /** Does something bad and notes it. */
  readonly inject: (what: string, harm: () => Promise<unknown>) => Promise<void>;
}

/** What became of it. Nothing in any of its lists is how it must be. */
export interface Verdict extends Difference {
  /** Who waited longer than 45 s after the last fault. */
  readonly notQuiet: readonly string[];
  /** Laws that do not hold. */
  readonly broken: readonly string[];
  /** Answers that no client should get. */
  readonly surprises: readonly string[];
}

export const UNHARMED: Verdict = { lost: [], doubled: [], wrong: [], notQuiet: [], broken: [], surprises: [] };

export interface Injected {
  readonly what: string;
  readonly atMs: number;
}

/** All that was done and seen in a scenario. */
export interface Seen {
  readonly traffic: Traffic;
  readonly injected: readonly Injected[];
  readonly bills: Bills | undefined;
  /** Dead letters of poison that were put away. */
  readonly discarded: number;
  readonly quietMs: number;
  readonly verdict: Verdict;
}

/** Runs a scenario, prints what was done and seen, and answers what became of it. */
export async function weather(world: World, name: string, storm: (storm: Storm) => Promise<void>): Promise<Verdict> {
  return (await watch(world, name, SEED, storm)).verdict;
}

/** The same by any seed; with chats where it says so. Answers all that was seen. */
export async function watch(
  world: World,
  name: string,
  seed: number,
  storm: (storm: Storm) => Promise<void>,
  withChats = false,
): Promise<Seen> {
  const random = new Random(seed);
  const beginMs = performance.now();
  const injected: Injected[] = [];
  console.log(`${name} (FAULT_SEED=${seed})`);
  const users = `${slug(name)}-${seed}`;
  const traffic = await Traffic.start(world, users, random.fork());
  const chatters = withChats ? await Chatters.start(world, users, random.fork()) : undefined;
  const flow = () => Promise.all([traffic.flows(FLOWING), chatters?.flows()]);
  try {
    await flow();
    await storm({
      world,
      traffic,
      random,
      inject: async (what, harm) => {
        // Said before it: of a scenario that fails nothing else is told.
        console.log(`  begins     ${what}`);
        await harm();
        injected.push({ what, atMs: performance.now() - beginMs });
      },
    });
    if (injected.length === 0) throw new Error("no harm happened: there is nothing to tell");
    const lastMs = beginMs + Math.max(...injected.map(({ atMs }) => atMs));
    await flow();
    const seen = { traffic, injected, ...(await end(world, traffic, chatters, lastMs)) };
    print(seen);
    return seen;
  } finally {
    await Promise.all([traffic.end(performance.now()), chatters?.end()]);
  }
}

/** So many answers of each kind, of coupons a fifth, before the first fault and after the last. */
const FLOWING = 10;

async function end(
  world: World,
  traffic: Traffic,
  chatters: Chatters | undefined,
  lastMs: number,
): Promise<Omit<Seen, "traffic" | "injected">> {
  const untilMs = lastMs + QUIET_WITHIN_MS;
  await chatters?.end();
  const waiting = [...(await traffic.end(untilMs)), ...(await calm(world, untilMs))];
  const quietMs = performance.now() - lastMs;
  await traffic.askAgain(performance.now() + QUIET_WITHIN_MS);
  const bills = await chatters?.bills();
  const discarded = await discardPoison(world);
  await calm(world, performance.now() + QUIET_WITHIN_MS);
  const found = await judge(world, traffic, chatters);
  const verdict = {
    ...found,
    lost: [...found.lost, ...(bills?.lost ?? [])],
    doubled: [...found.doubled, ...(bills?.doubled ?? [])],
    wrong: [...found.wrong, ...(bills?.wrong ?? [])],
    notQuiet: waiting,
  };
  return { bills, discarded, quietMs, verdict };
}

/** Waits until no fact and no message is on its way; answers what still is at `untilMs` (of performance.now). */
export async function calm({ books, streams }: World, untilMs: number): Promise<string[]> {
  const left = () => Math.max(0, untilMs - performance.now());
  const isTold = await quiet(books, left());
  const waiting = isTold ? [] : ["facts wait in an outbox"];
  for (const { stream, durable } of CONSUMED) {
    // Also what was applied and whose acknowledgement was lost: it comes again, and must then do nothing. Neither the ack floor nor
    // what a stream still holds tells that: a broker that was killed, or whose disk was full, has forgotten how far both were.
    const isTaken = async () => {
      const { pending, unacknowledged } = await streams.lag(stream, durable);
      return pending === 0 && unacknowledged === 0;
    };
    if (!(await until(() => isTaken().catch(() => false), left()))) waiting.push(`messages of ${stream} wait`);
  }
  return waiting;
}

/** Tries every law of the books, and holds them against what was told. */
async function judge(
  { books }: World,
  traffic: Traffic,
  chatters: Chatters | undefined,
): Promise<Omit<Verdict, "notQuiet">> {
  const findings = await audit(books);
  const broken = findings.filter(({ breaches }) => breaches.length > 0);
  // A part that is away is told as such; "something went wrong on our side" is a bug.
  const bugs = (traffic.rest.seen.get("500") ?? 0) + (chatters?.ends.get(500) ?? 0);
  return {
    ...(await differences(books, traffic.users, traffic.effects)),
    broken: broken.map(({ says, breaches }) => `${says}: ${breaches[0]}`),
    surprises: [...traffic.surprises, ...(bugs === 0 ? [] : [`${bugs} x 500`])],
  };
}

function slug(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 40);
}
