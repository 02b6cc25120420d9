/**
 * How many requests a second each endpoint answers at 64 connections, beside a bare Express and NATS echo on the same
 * machine in the same rounds. The load comes from a process of its own; the books are audited afterwards.
 * `npm run bench -- rest`.
 */
import { join } from "node:path";
import { Command } from "commander";
import { createCoupon } from "@tollbooth/shared/contracts/coupons";
import { until } from "@tollbooth/shared/local/condition";
import { startNats } from "@tollbooth/shared/local/nats";
import { freePort } from "@tollbooth/shared/local/ports";
import { Rest } from "@tollbooth/tools/demo/rest";
import type { Platform } from "@tollbooth/tools/platform";
import { requireBalanced } from "./parts/balanced.ts";
import { median, rounded } from "./parts/numbers.ts";
import { onPlatform } from "./parts/place.ts";
import { startProgram } from "./parts/program.ts";
import { CONNECTIONS, get, JSON_TYPE, load, post, type Result, type Target } from "./parts/requests.ts";
import { tell, withJson, type Told } from "./parts/telling.ts";
import { openUsers } from "./parts/users.ts";

const USERS = 500;
const BATCH = 500;
const WITHIN_MS = 10_000;

const command = withJson(new Command("npm run bench -- rest"))
  .description("Measures requests a second of each endpoint beside a bare Express and NATS echo.")
  .option("--rounds <number>", "how often each is measured; medians are told", Number, 5)
  .option("--seconds <number>", "how long each time", Number, 4)
  .parse();
const { rounds, seconds } = command.opts<{ rounds: number; seconds: number }>();

await onPlatform(async (platform, folder) => {
  const echo = await startEcho(folder);
  try {
    const targets = [echo.target, ...(await endpoints(platform))];
    const results = new Map<Target, Result[]>(targets.map((target) => [target, []]));
    for (let round = 0; round < rounds; round++)
      for (const target of targets) results.get(target)?.push(await load(folder, target, seconds));
    await requireBalanced(platform.auditUrls);
    const yardstick = results.get(echo.target) ?? [];
    const figures = [...results].map(([target, own]) => figureOf(target, own, yardstick));
    tell(command, figures, toldOf(figures));
  } finally {
    await echo.stop();
  }
});

async function startEcho(folder: string): Promise<{ target: Target; stop: () => Promise<void> }> {
  const nats = await startNats({
    storeDir: join(folder, "echo"),
    port: await freePort(),
    logFile: join(folder, "log"),
  });
  const port = await freePort();
  const parts = ["service", "gateway"].map((role) => startProgram("echo", role, nats.url, String(port)));
  const url = `http://127.0.0.1:${port}/echo`;
  const request = { method: "POST", body: JSON.stringify({ text: "alice" }), headers: JSON_TYPE };
  const answers = async () =>
    fetch(url, request).then(
      ({ ok }) => ok,
      () => false,
    );
  if (!(await until(answers, WITHIN_MS))) throw new Error("the echo does not answer");
  const stop = async () => {
    for (const part of parts) part.kill();
    await nats.stop();
  };
  return { target: { name: "Express + NATS echo", url, requests: [request] }, stop };
}

async function endpoints(platform: Platform): Promise<Target[]> {
  const api = `${platform.gatewayUrl}/api/v1/credits`;
  const rest = new Rest(platform.gatewayUrl);
  const admin = await platform.tokenFor("admin", ["admin"]);
  const service = await platform.tokenFor("service", ["service"]);
  const users = await openUsers(platform, USERS);
  const coupon = { coupon_type: "credit_bonus", value: "0.01", code: "BENCH" } as const;
  await rest.ask(createCoupon, coupon, { token: admin });
  const tokens = await Promise.all(users.map((user) => platform.tokenFor(user, ["user"])));
  const use = { service: "bench", cost: "0.000001" };
  const ofUsers = (body: object) => users.map((user_id) => post(service, { ...body, user_id }));
  const events = users.slice(0, BATCH).map((user_id) => ({ ...use, user_id }));
  return [
    { name: "balance", url: `${api}/balance`, requests: tokens.map(get) },
    { name: "deduct, many users", url: `${api}/deduct`, requests: ofUsers({ service: "bench", amount: "0.000001" }) },
    {
      name: "deduct, one user",
      url: `${api}/deduct`,
      requests: [post(service, { service: "bench", amount: "0.000001", user_id: "user-0" })],
    },
    { name: "track", url: `${api}/usage/track`, requests: ofUsers(use) },
    {
      name: `track/batch of ${BATCH}`,
      url: `${api}/usage/track/batch`,
      requests: [post(service, { events })],
      connections: 8,
      events: BATCH,
    },
    {
      name: "redeem",
      url: `${api}/coupons/redeem`,
      requests: [post(admin, { code: "BENCH", user_id: "new-{n}" })],
    },
  ];
}

interface Figure {
  readonly name: string;
  readonly perSecond: number;
  readonly eventsPerSecond: number;
  /** Events, beside the requests of the same round's echo. */
  readonly ofEcho: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

function figureOf({ name, events = 1 }: Target, own: readonly Result[], yardstick: readonly Result[]): Figure {
  const perSecond = median(own.map((result) => result.perSecond));
  const ofEcho = median(own.map((result, i) => (result.perSecond * events) / (yardstick[i]?.perSecond ?? NaN)));
  return {
    name,
    perSecond: rounded(perSecond),
    eventsPerSecond: rounded(perSecond * events),
    ofEcho: rounded(ofEcho, 2),
    p50Ms: median(own.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(own.map(({ p99Ms }) => p99Ms)),
  };
}

function toldOf(figures: readonly Figure[]): Told {
  const head = [`${CONNECTIONS} connections`, "a second", "events a second", "of the echo", "p50 ms", "p99 ms"];
  const rows = figures.map(({ name, perSecond, eventsPerSecond, ofEcho, p50Ms, p99Ms }) => [
    name,
    perSecond,
    eventsPerSecond,
    ofEcho,
    p50Ms,
    p99Ms,
  ]);
  const says = `Medians of ${rounds} rounds of ${seconds} s. The books balance.`;
  return { head, rows, says };
}
