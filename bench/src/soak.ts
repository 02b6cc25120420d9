/**
 * Whether a platform under load for long is after it what it was at first: the memory of its processes, the size of its
 * busiest tables for each row, and how long an answer takes. Reports on the broker and over REST come at 70 % of the rate
 * that is stated, or measured first; the books are audited afterwards. `npm run bench -- soak`.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import { openBooks } from "@tollbooth/tools/ledgers";
import type { Platform } from "@tollbooth/tools/platform";
import { requireBalanced } from "./parts/balanced.ts";
import { quantile, rounded } from "./parts/numbers.ts";
import { onPlatform } from "./parts/place.ts";
import { probe } from "./parts/probe.ts";
import { liveRate, report } from "./parts/reporting.ts";
import { get, load, post, type Target } from "./parts/requests.ts";
import { sample, type Sample, type Size } from "./parts/sample.ts";
import { tell, withJson, type Told } from "./parts/telling.ts";
import { openUsers } from "./parts/users.ts";

const USERS = 500;
const EASY = 0.7;
/** Of the events; the others are reported on the broker. */
const OVER_REST = 0.1;
const MEASURED_S = 20;
const PROBED_S = 5;

const command = withJson(new Command("npm run bench -- soak"))
  .description("Compares the last minute of a long load with the first: memory, tables, waiting times.")
  .option("--minutes <number>", "how long", Number, 30)
  .option("--rate <number>", "events a second, of which 70 % come; measured where it is not stated", Number)
  .parse();
const { minutes, rate } = command.opts<{ minutes: number; rate?: number }>();

interface Minute extends Sample {
  readonly minute: number;
  readonly balanceP99Ms: number;
  readonly deductP99Ms: number;
}

interface Figures {
  readonly perSecond: number;
  readonly minutes: readonly Minute[];
  /** The last minute's, by the first's. */
  readonly drift: Readonly<Record<string, number>>;
}

await onPlatform(async (platform, folder) => {
  const userIds = await openUsers(platform, USERS);
  const perSecond = EASY * (rate ?? (await liveRate(platform, userIds, MEASURED_S)));
  const seconds = minutes * 60;
  const loads = Promise.all([
    report(platform, userIds, { kind: "paced", seconds, perSecond: perSecond * (1 - OVER_REST) }),
    load(folder, await tracking(platform, userIds, perSecond * OVER_REST), seconds),
  ]);
  const watched = watch(platform, userIds);
  // Where the load fails first, the rest of the time says nothing.
  await Promise.race([loads, watched]);
  const all = await watched;
  await loads;
  await requireBalanced(platform.auditUrls);
  const figures = { perSecond: rounded(perSecond), minutes: all, drift: driftOf(all) };
  tell(command, figures, toldOf(figures));
});

async function tracking(platform: Platform, userIds: readonly string[], perSecond: number): Promise<Target> {
  const service = await platform.tokenFor("service", ["service"], tokenTtlS());
  return {
    name: "track",
    url: `${platform.gatewayUrl}/api/v1/credits/usage/track`,
    requests: userIds.map((user_id) => post(service, { service: "bench", cost: "0.000001", user_id })),
    perSecond,
  };
}

async function watch(platform: Platform, userIds: readonly string[]): Promise<Minute[]> {
  const books = openBooks(platform.auditUrls, "bench-soak");
  const api = `${platform.gatewayUrl}/api/v1/credits`;
  const tokens = await Promise.all(userIds.map((user) => platform.tokenFor(user, ["user"], tokenTtlS())));
  const service = await platform.tokenFor("service", ["service"], tokenTtlS());
  const use = { service: "bench", amount: "0.000001" };
  const balance = { name: "balance", url: `${api}/balance`, requests: tokens.map(get) };
  const deduct = {
    name: "deduct",
    url: `${api}/deduct`,
    requests: userIds.map((user_id) => post(service, { ...use, user_id })),
  };
  const all: Minute[] = [];
  try {
    for (let minute = 1; minute <= minutes; minute++) {
      await pause(60_000 - 2 * PROBED_S * 1000);
      const p99 = async (target: Target) => rounded(quantile(await probe(target, PROBED_S), 0.99), 1);
      const [balanceP99Ms, deductP99Ms] = [await p99(balance), await p99(deduct)];
      const seen = { minute, balanceP99Ms, deductP99Ms, ...(await sample(platform, books)) };
      console.error(lineOf(seen));
      all.push(seen);
    }
  } finally {
    await books.close();
  }
  return all;
}

/** Longer than all of it. */
function tokenTtlS(): number {
  return (minutes + 10) * 60;
}

function lineOf({ minute, balanceP99Ms, deductP99Ms, memoryMb, tables, outboxAgeS }: Minute): string {
  const memory = Object.entries(memoryMb).map(([name, mb]) => `${name} ${mb}`);
  const dead = tables.map(({ table, live, dead: gone }) => `${table} ${live}+${gone}`);
  return `${minute} min: p99 of balance ${balanceP99Ms} ms, of deduct ${deductP99Ms} ms; MB: ${memory.join(", ")}; oldest fact ${outboxAgeS} s; live+dead rows: ${dead.join(", ")}`;
}

function driftOf(all: readonly Minute[]): Figures["drift"] {
  const [first, last] = [all[0], all.at(-1)];
  if (first === undefined || last === undefined) return {};
  const memory = Object.entries(last.memoryMb).map(
    ([name, mb]) => [`memory of ${name}`, mb / (first.memoryMb[name] ?? NaN)] as const,
  );
  const sizes = last.tables.map((size) => {
    const before = first.tables.find(({ table }) => table === size.table);
    return [`bytes of ${nameOf(size)}`, bytesOf(size) / (before === undefined ? NaN : bytesOf(before))] as const;
  });
  const drifts = [
    ...memory,
    ...sizes,
    ["p99 of balance", last.balanceP99Ms / first.balanceP99Ms] as const,
    ["p99 of deduct", last.deductP99Ms / first.deductP99Ms] as const,
  ];
  return Object.fromEntries(drifts.map(([name, ratio]) => [name, rounded(ratio, 2)]));
}

function nameOf({ table }: Size): string {
  return isPassing(table) ? table : `a row of ${table}`;
}

/** With its indexes: of each row, or of all of a table whose rows come and go. */
function bytesOf({ table, live, bytes, indexBytes }: Size): number {
  return (bytes + indexBytes) / (isPassing(table) ? 1 : Math.max(live, 1));
}

function isPassing(table: string): boolean {
  return table.endsWith(".outbox");
}

function toldOf({ perSecond, drift }: Figures): Told {
  const rows = Object.entries(drift).map(([name, ratio]) => [name, ratio]);
  const says = `${minutes} minutes at ${perSecond} events a second. The books balance.`;
  return { head: ["the last minute's", "by the first's"], rows, says };
}
