/**
 * What a platform does with three times as many requests as it can do: what it can is measured first, then so many more are
 * sent at a fixed rate, whether or not it answers, half of them deductions and half uses, while reports come over the broker.
 * Of each second: what was done, what was refused, how soon, the memory of each process, what waits where. Then half of what
 * it can do, until all is as before. Every request is looked for in the books. `npm run bench -- shed`.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import type { Platform } from "@tollbooth/tools/platform";
import { requireAcknowledged } from "./parts/acknowledged.ts";
import { requireBalanced } from "./parts/balanced.ts";
import { flood, ID, type Flooded, type FloodOrder, type Second } from "./parts/flooding.ts";
import { median, rounded } from "./parts/numbers.ts";
import { onPlatform } from "./parts/place.ts";
import { Queues } from "./parts/queues.ts";
import { report } from "./parts/reporting.ts";
import { load, post } from "./parts/requests.ts";
import { memoryMb } from "./parts/sample.ts";
import { tell, withJson, type Told } from "./parts/telling.ts";
import { openUsers } from "./parts/users.ts";

const USERS = 500;
const API = "/api/v1/credits";
/** As many as it takes for it to have enough to do. */
const CONNECTIONS = 256;
const REPORTS_PER_SECOND = 200;
const MEASURED_S = 10;
const EASY = 0.5;
const EASY_S = 10;
const AFTER_S = 20;
/** Nobody waits longer than that for all to be as before. */
const RECOVERS_WITHIN_S = 10;
/** Its p99 is as before where it is not more than so many times that of the worst second before, so many seconds on end. */
const AS_BEFORE = 2;
const SECONDS_ON_END = 3;

const command = withJson(new Command("npm run bench -- shed"))
  .description(
    "Sends three times as many requests as are answered, and tells what becomes of them and of the platform.",
  )
  .option("--seconds <number>", "how long", Number, 30)
  .option("--times <number>", "how many times what it can do", Number, 3)
  .parse();
const { seconds, times } = command.opts<{ seconds: number; times: number }>();

interface Watched {
  readonly atS: number;
  readonly memoryMb: Readonly<Record<string, number>>;
  readonly waiting: Readonly<Record<string, number>>;
}

interface Figures extends Omit<Flooded, "outcomes"> {
  /** Requests that are done a second, where nobody asks before he has his answer. */
  readonly capacity: number;
  readonly watched: readonly Watched[];
  readonly reports: number;
  readonly doneOnce: number;
  readonly recoveredAfterS: number | null;
}

const queues = await Queues.open();
await onPlatform(async (platform, folder) => {
  const userIds = await openUsers(platform, USERS);
  const capacity = await capacityOf(platform, folder, userIds);
  const phases = [
    { name: "before", perSecond: rounded(capacity.perSecond * EASY), seconds: EASY_S },
    { name: "flood", perSecond: rounded(capacity.perSecond * times), seconds },
    { name: "after", perSecond: rounded(capacity.perSecond * EASY), seconds: AFTER_S },
  ];
  const order = { ...(await postsOf(platform, userIds)), phases };
  const over = new AbortController();
  const watching = watch(platform, over.signal);
  const flooding = flood(folder, order).finally(() => over.abort());
  const [{ outcomes, ...told }, watched, reported] = await Promise.all([
    flooding,
    watching,
    reports(platform, userIds, EASY_S + seconds + AFTER_S),
  ]);
  await requireBalanced(platform.auditUrls);
  await requireAcknowledged(platform.auditUrls.credits, outcomes, capacity.reports + reported);
  const figures: Figures = {
    ...told,
    capacity: rounded(capacity.perSecond),
    watched,
    reports: reported,
    doneOnce: outcomes.replaceAll(/[^a]/g, "").length,
    recoveredAfterS: recoveredAfterS(told.seconds),
  };
  tell(command, figures, toldOf(figures));
}, queues.settings);

/** What is done a second while reports come, as fast as answers come. */
async function capacityOf(platform: Platform, folder: string, userIds: readonly string[]) {
  const { token, posts } = await postsOf(platform, userIds);
  const requests = posts.map(({ path, body }) => ({ ...post(token, {}), path, body }));
  const target = { name: "all", url: platform.gatewayUrl, requests, connections: CONNECTIONS };
  const [{ perSecond }, reported] = await Promise.all([
    load(folder, target, MEASURED_S),
    reports(platform, userIds, MEASURED_S),
  ]);
  return { perSecond, reports: reported };
}

/** Of each user a deduction and a use. */
async function postsOf(platform: Platform, userIds: readonly string[]): Promise<Omit<FloodOrder, "phases">> {
  const token = await platform.tokenFor("service", ["service"]);
  const posts = userIds.flatMap((user_id) => [
    {
      path: `${API}/deduct`,
      body: JSON.stringify({ user_id, service: "bench", amount: "0.000001", metadata: { event_id: ID } }),
    },
    { path: `${API}/usage/track`, body: JSON.stringify({ user_id, service: "bench", cost: "0.000001", event_id: ID }) },
  ]);
  return { port: Number(new URL(platform.gatewayUrl).port), token, posts };
}

/** Reports for so long; answers how many. */
async function reports(platform: Platform, userIds: readonly string[], forS: number): Promise<number> {
  const pace = { kind: "paced", seconds: forS, perSecond: REPORTS_PER_SECOND } as const;
  return (await report(platform, userIds, pace)).sent;
}

/** Looks every second. */
async function watch(platform: Platform, signal: AbortSignal): Promise<Watched[]> {
  const all: Watched[] = [];
  const beginMs = performance.now();
  while (!signal.aborted) {
    const atS = rounded((performance.now() - beginMs) / 1000, 1);
    const [memory, waiting] = await Promise.all([memoryMb(platform), queues.lengths()]);
    all.push({ atS, memoryMb: memory, waiting });
    await pause(1_000, undefined, { signal }).catch(() => {});
  }
  return all;
}

/** Throws where it takes too long. */
function recoveredAfterS(all: readonly Second[]): number {
  const worstMs = Math.max(...of(all, "before").map(({ acceptedP99Ms }) => acceptedP99Ms ?? Infinity));
  const isAsBefore = ({ acceptedP99Ms, refused }: Second) =>
    acceptedP99Ms !== null && acceptedP99Ms <= AS_BEFORE * worstMs && refused === 0;
  const after = of(all, "after");
  const found = after.findIndex((_, i) => after.slice(i, i + SECONDS_ON_END).every(isAsBefore));
  if (found === -1 || found > RECOVERS_WITHIN_S)
    throw new Error(`it was not as before within ${RECOVERS_WITHIN_S} s: ${JSON.stringify(after)}`);
  return found;
}

function of(all: readonly Second[], phase: string): Second[] {
  return all.filter((second) => second.phase === phase);
}

function toldOf({ seconds: all, watched, ...figures }: Figures): Told {
  const head = ["", "asked a second", "done a second", "p50 ms", "p99 ms", "refused a second", "p50 ms", "p99 ms"];
  const rows = ["before", "flood", "after"].map((phase) => rowOf(phase, of(all, phase)));
  const first = watched[0]?.memoryMb ?? {};
  const memory = Object.keys(first).map(
    (part) =>
      `${part} ${first[part]} and ${most(
        watched.map(({ memoryMb: mb }) => mb),
        part,
      )}`,
  );
  const names = [...new Set(watched.flatMap(({ waiting }) => Object.keys(waiting)))];
  const waiting = names
    .map(
      (name) =>
        [
          name,
          most(
            watched.map(({ waiting: lengths }) => lengths),
            name,
          ),
        ] as const,
    )
    .filter(([, length]) => length > 0)
    .map(([name, length]) => `${name} ${length}`);
  const others = Object.entries(figures.others).map(([what, count]) => `${count} x ${what}`);
  const says = [
    `It does ${figures.capacity} a second where ${CONNECTIONS} connections wait for their answers; ${times} times as many came for ${seconds} s, on ${figures.connections} connections, and ${figures.reports} reports over the broker.`,
    `p50 is the median of the seconds' medians, p99 that of the worst second.`,
    `Neither done nor refused: ${others.join(", ") || "none"}.`,
    `All was as before ${figures.recoveredAfterS} s after the flood.`,
    `Memory in MB, at first and at most: ${memory.join(", ")}.`,
    `Most that waited: ${waiting.join(", ")}.`,
    `Each of the ${figures.doneOnce} requests that were done is in the journal once, each report too, and none that was refused; the books balance.`,
  ];
  return { head, rows, says: says.join(" ") };
}

function most(facts: readonly Readonly<Record<string, number>>[], name: string): number {
  return Math.max(...facts.map((each) => each[name] ?? 0));
}

function worst(numbers: readonly number[]): number {
  return Math.max(...numbers);
}

function rowOf(phase: string, all: readonly Second[]): (string | number)[] {
  const perSecond = (key: "sent" | "accepted" | "refused") =>
    rounded(all.reduce((sum, second) => sum + second[key], 0) / all.length);
  const ms = (key: keyof Second, over: (numbers: readonly number[]) => number) => {
    const numbers = all.map((second) => second[key]).filter((each) => typeof each === "number");
    return numbers.length === 0 ? "" : rounded(over(numbers), 1);
  };
  return [
    phase,
    perSecond("sent"),
    perSecond("accepted"),
    ms("acceptedP50Ms", median),
    ms("acceptedP99Ms", worst),
    perSecond("refused"),
    ms("refusedP50Ms", median),
    ms("refusedP99Ms", worst),
  ];
}
