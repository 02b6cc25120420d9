/**
 * Whether answers take longer as the tables grow: the summaries of a user of ten thousand to ten million events, and the
 * balances and deductions of a thousand to a million users. The rows are made in the database by SQL, so their hashes are
 * no chains; every other law is tried on them afterwards, and every summary is compared with what was made.
 * `npm run bench -- reads`.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { usageSummary } from "@tollbooth/shared/contracts/usage";
import { openDb, type Db } from "@tollbooth/shared/db";
import { Rest } from "@tollbooth/tools/demo/rest";
import { addAccounts, addEvents } from "@tollbooth/tools/masses";
import type { Platform } from "@tollbooth/tools/platform";
import { requireLawful } from "./parts/balanced.ts";
import { quantile, rounded } from "./parts/numbers.ts";
import { onPlatform } from "./parts/place.ts";
import { probe } from "./parts/probe.ts";
import { get, post, type Target } from "./parts/requests.ts";
import { tell, withJson, type Told } from "./parts/telling.ts";

const DAY_MS = 86_400_000;
/** What is kept where nobody sets it. */
const KEPT_DAYS = 730;
const KNOWN_DAYS = 99;
const LINES = 2;
const ASKED_USERS = 500;
const WARM_UP_S = 3;

const sizes = (text: string) => text.split(",").map(Number);
const command = withJson(new Command("npm run bench -- reads"))
  .description("Measures summaries, balances and deductions while the tables grow.")
  .option("--events <numbers>", "events of one user, one size after the other", sizes, [1e4, 1e5, 1e6, 1e7])
  .option("--users <numbers>", "users, one size after the other", sizes, [1e3, 1e6])
  .option("--rounds <number>", "how often each is measured at each size", Number, 5)
  .option("--seconds <number>", "how long each time", Number, 3)
  .parse();
const options = command.opts<{ events: number[]; users: number[]; rounds: number; seconds: number }>();

interface Figure {
  readonly name: string;
  /** What there are so many of. */
  readonly of: "events" | "users";
  readonly size: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The median beside that of the smallest size. */
  readonly ratio: number;
}

await onPlatform(async (platform, folder) => {
  const figures: Figure[] = [];
  const measured = async (of: Figure["of"], size: number, targets: readonly Target[]) => {
    for (const figure of await measure(of, size, targets, figures)) figures.push(figure);
  };
  await within(await ownerUrl(platform, folder, "usage"), async (usage) => {
    for (const size of options.events) {
      const prefix = `events-${size}`;
      await addEvents(usage, { count: size, users: 1, prefix, days: KEPT_DAYS, knownDays: KNOWN_DAYS });
      await measured("events", size, await summaries(platform, `${prefix}-0`, size));
    }
  });
  await within(await ownerUrl(platform, folder, "credits"), async (credits) => {
    for (const size of options.users) {
      await addAccounts(credits, { count: size, prefix: `users-${size}`, lines: LINES });
      await measured("users", size, await ofUsers(platform, `users-${size}`, size));
    }
    await requireLawful(credits);
  });
  tell(command, figures, toldOf(figures));
});

/** The last 30 days, and all that is kept: of which the answer must be as many events as were made. */
async function summaries(platform: Platform, userId: string, made: number): Promise<Target[]> {
  const token = await platform.tokenFor(userId, ["user"]);
  const start_date = new Date(Date.now() - (KEPT_DAYS + 1) * DAY_MS).toISOString();
  const { total_events: events } = await new Rest(platform.gatewayUrl).ask(usageSummary, { start_date }, { token });
  if (events !== made) throw new Error(`${made} events were made, and the summary tells of ${events}`);
  const url = `${platform.gatewayUrl}/api/v1/credits/usage/summary`;
  return [
    { name: "summary of 30 days", url, requests: [get(token)] },
    { name: "summary of 24 months", url: `${url}?start_date=${start_date}`, requests: [get(token)] },
  ];
}

async function ofUsers(platform: Platform, prefix: string, count: number): Promise<Target[]> {
  const api = `${platform.gatewayUrl}/api/v1/credits`;
  const step = Math.max(1, Math.floor(count / ASKED_USERS));
  const asked = Array.from({ length: Math.min(count, ASKED_USERS) }, (_, i) => `${prefix}-${i * step}`);
  const tokens = await Promise.all(asked.map((user) => platform.tokenFor(user, ["user"])));
  const service = await platform.tokenFor("service", ["service"]);
  const use = { service: "bench", amount: "0.000001" };
  return [
    { name: "balance", url: `${api}/balance`, requests: tokens.map(get) },
    { name: "deduct", url: `${api}/deduct`, requests: asked.map((user_id) => post(service, { ...use, user_id })) },
  ];
}

async function measure(
  of: Figure["of"],
  size: number,
  targets: readonly Target[],
  before: readonly Figure[],
): Promise<Figure[]> {
  const times = new Map<Target, number[]>(targets.map((target) => [target, []]));
  for (const target of targets) await probe(target, WARM_UP_S);
  for (let round = 0; round < options.rounds; round++)
    for (const target of targets) times.get(target)?.push(...(await probe(target, options.seconds)));
  return [...times].map(([{ name }, all]) => {
    const p50Ms = quantile(all, 0.5);
    const smallest = before.find((figure) => figure.name === name)?.p50Ms ?? p50Ms;
    return {
      name,
      of,
      size,
      p50Ms: rounded(p50Ms, 2),
      p99Ms: rounded(quantile(all, 0.99), 2),
      ratio: rounded(p50Ms / smallest, 2),
    };
  });
}

/** The address of a service's database for one who may do everything there: the checks of foreign keys are left out. */
async function ownerUrl(platform: Platform, folder: string, owner: "usage" | "credits"): Promise<string> {
  const url = new URL(platform.databaseUrls[owner]);
  url.username = "postgres";
  url.password = (await readFile(join(folder, "home/postgres.password"), "utf8")).trim();
  url.searchParams.set("options", "-c session_replication_role=replica");
  return url.href;
}

async function within(url: string, work: (db: Db) => Promise<void>): Promise<void> {
  const db = openDb({ url, name: "bench-mass", poolMax: 1 });
  try {
    await work(db);
  } finally {
    await db.close();
  }
}

function toldOf(figures: readonly Figure[]): Told {
  const head = ["", "of", "p50 ms", "p99 ms", "of the smallest"];
  const rows = figures.map(({ name, of, size, p50Ms, p99Ms, ratio }) => [
    name,
    `${size.toLocaleString("en")} ${of}`,
    p50Ms,
    p99Ms,
    ratio,
  ]);
  const says = `${options.rounds} rounds of ${options.seconds} s at each size, one request after the other. The summaries are right, and the books balance.`;
  return { head, rows, says };
}
