/**
 * How many events a second go the whole way from a report on the broker to the deduction in credits: out of a backlog, and
 * live; and how long one takes at 70 % of the live rate. Beside the least that a deduction in a transaction of its own is,
 * on the same machine in the same rounds. The reports come from a process of their own; the books are audited afterwards.
 * `npm run bench -- ingest`.
 */
import { Command } from "commander";
import { until } from "@tollbooth/shared/local/condition";
import type { Platform } from "@tollbooth/tools/platform";
import { Applied } from "./parts/applied.ts";
import { requireBalanced } from "./parts/balanced.ts";
import { median, rounded } from "./parts/numbers.ts";
import { onPlatform, onPostgres } from "./parts/place.ts";
import { liveRate, report, type Reported } from "./parts/reporting.ts";
import { tell, withJson, type Told } from "./parts/telling.ts";
import { openUsers } from "./parts/users.ts";
import { openYardstick, type Yardstick } from "./parts/yardstick.ts";

const USERS = 500;
const EASY = 0.7;
const WITHIN_MS = 300_000;

const command = withJson(new Command("npm run bench -- ingest"))
  .description("Measures events a second from a report on the broker to its deduction, and how long one takes.")
  .option("--rounds <number>", "how often each is measured; medians are told", Number, 5)
  .option("--seconds <number>", "how long each time", Number, 10)
  .option("--backlog <number>", "events that wait while usage is down", Number, 40_000)
  .parse();
const { rounds, seconds, backlog } = command.opts<{ rounds: number; seconds: number; backlog: number }>();

await onPostgres((postgres, folder) =>
  onPlatform(async (platform) => {
    const yardstick = await openYardstick(postgres, folder, USERS);
    const userIds = await openUsers(platform, USERS);
    const results: Round[] = [];
    for (let i = 0; i < rounds; i++) results.push(await round(platform, userIds, yardstick));
    await requireBalanced(platform.auditUrls);
    const figures = figuresOf(results, yardstick.name);
    tell(command, figures, toldOf(figures));
  }),
);

interface Round {
  readonly yardstick: number;
  readonly live: number;
  /** At the rate that was really published. */
  readonly easy: Reported;
  readonly draining: number;
}

async function round(platform: Platform, userIds: readonly string[], yardstick: Yardstick): Promise<Round> {
  const least = await yardstick.perSecond(USERS, seconds);
  const live = await liveRate(platform, userIds, seconds);
  const easy = await report(platform, userIds, { kind: "paced", seconds, perSecond: live * EASY });
  return { yardstick: least, live, easy, draining: await drain(platform, userIds) };
}

/** Events a second, from the moment when usage is back and the first are deducted. */
async function drain(platform: Platform, userIds: readonly string[]): Promise<number> {
  const applied = await Applied.open(platform.auditUrls.credits);
  try {
    await platform.part("usage").stop();
    const { sent } = await report(platform, userIds, { kind: "backlog", count: backlog });
    await platform.part("usage").start();
    let first = 0;
    const hasBegun = async () => (first = await applied.count()) > 0;
    if (!(await until(hasBegun, WITHIN_MS))) throw new Error("nothing of the backlog was deducted");
    const beginMs = performance.now();
    await applied.reach(sent, WITHIN_MS);
    return ((sent - first) / (performance.now() - beginMs)) * 1000;
  } finally {
    await applied.close();
  }
}

interface Rate {
  readonly perSecond: number;
  /** Of the yardstick's in the same round: their median. */
  readonly ratio: number;
}

interface Figures {
  readonly yardstick: { readonly name: string; readonly perSecond: number };
  readonly draining: Rate;
  readonly live: Rate;
  readonly lag: {
    readonly perSecond: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly samples: number;
  };
}

function figuresOf(results: readonly Round[], name: string): Figures {
  const rate = (which: "draining" | "live"): Rate => ({
    perSecond: rounded(median(results.map((result) => result[which]))),
    ratio: rounded(median(results.map((result) => result[which] / result.yardstick)), 2),
  });
  const lags = results.map(({ easy }) => easy.lag);
  return {
    yardstick: { name, perSecond: rounded(median(results.map(({ yardstick }) => yardstick))) },
    draining: rate("draining"),
    live: rate("live"),
    lag: {
      perSecond: rounded(median(results.map(({ easy }) => easy.sentPerSecond))),
      p50Ms: median(lags.map(({ p50Ms }) => p50Ms)),
      p99Ms: median(lags.map(({ p99Ms }) => p99Ms)),
      samples: lags.reduce((all, { samples }) => all + samples, 0),
    },
  };
}

function toldOf({ yardstick, draining, live, lag }: Figures): Told {
  const head = ["from a report to its deduction", "events a second", "of the yardstick", "p50 ms", "p99 ms"];
  const rows = [
    [`a backlog of ${backlog}`, draining.perSecond, draining.ratio, "", ""],
    ["live", live.perSecond, live.ratio, "", ""],
    [`at ${EASY * 100} % of the live rate`, lag.perSecond, "", lag.p50Ms, lag.p99Ms],
  ];
  const says = `Medians of ${rounds} rounds of ${seconds} s; ${lag.samples} events were followed. The yardstick is one deduction a transaction: ${yardstick.perSecond} a second, ${yardstick.name}. The books balance.`;
  return { head, rows, says };
}
