/**
 * How many requests a second each endpoint answers at 64 connections, beside a bare Express and NATS echo on the same
 * machine in the same rounds. The load comes from a process of its own; the books are audited afterwards.
 * `npm run bench -- rest`.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import { Command } from "commander";
import { createCoupon } from "@tollbooth/shared/contracts/coupons";
import { allocate } from "@tollbooth/shared/contracts/credits";
import { until } from "@tollbooth/shared/local/condition";
import { startNats } from "@tollbooth/shared/local/nats";
import { freePort } from "@tollbooth/shared/local/ports";
import { Rest } from "@tollbooth/tools/demo/rest";
import { Platform } from "@tollbooth/tools/platform";
import { requireBalanced } from "./parts/balanced.ts";

interface Target {
  readonly name: string;
  readonly url: string;
  /** autocannon's words for what is sent, one after the other. */
  readonly requests: readonly object[];
  readonly connections?: number;
  /** Events in one request. */
  readonly events?: number;
}

interface Result {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

const USERS = 500;
const CONNECTIONS = 64;
const BATCH = 500;
const WITHIN_MS = 10_000;
const JSON_TYPE = { "content-type": "application/json" };
const PART = (name: string) => fileURLToPath(new URL(`parts/${name}.js`, import.meta.url));

const command = new Command("npm run bench -- rest")
  .description("Measures requests a second of each endpoint beside a bare Express and NATS echo.")
  .option("--rounds <number>", "how often each is measured; medians are told", Number, 5)
  .option("--seconds <number>", "how long each time", Number, 4)
  .option("--json", "for programs")
  .parse();
const { rounds, seconds, json } = command.opts<{ rounds: number; seconds: number; json?: true }>();

const folder = await mkdtemp(join(tmpdir(), "tollbooth-bench-"));
// Root's Postgres runs as somebody else.
await chmod(folder, 0o711);
const echo = await startEcho();
const limits = { RATE_LIMIT_USER: "999999999", RATE_LIMIT_ADDRESS: "999999999", LOG_LEVEL: "warn" };
const platform = await Platform.start({ folder: join(folder, "home"), env: { ...process.env, ...limits } });
try {
  const targets = [echo.target, ...(await endpoints())];
  const results = new Map<string, Result[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const target of targets) results.get(target.name)?.push(await load(target));
  await requireBalanced(platform.auditUrls);
  const figures = targets.map((target) => figureOf(target, results));
  console.log(json ? JSON.stringify(figures, undefined, 2) : tableOf(figures));
} finally {
  await platform.stop();
  await echo.stop();
  await rm(folder, { recursive: true });
}

async function startEcho(): Promise<{ target: Target; stop: () => Promise<void> }> {
  const nats = await startNats({
    storeDir: join(folder, "echo"),
    port: await freePort(),
    logFile: join(folder, "log"),
  });
  const port = await freePort();
  const parts: ChildProcess[] = ["service", "gateway"].map((role) =>
    spawn(process.execPath, [PART("echo"), role, nats.url, String(port)], { stdio: "inherit" }),
  );
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

async function endpoints(): Promise<Target[]> {
  const api = `${platform.gatewayUrl}/api/v1/credits`;
  const rest = new Rest(platform.gatewayUrl);
  const admin = await platform.tokenFor("admin", ["admin"]);
  const service = await platform.tokenFor("service", ["service"]);
  const users = Array.from({ length: USERS }, (_, i) => `user-${i}`);
  for (const user_id of users)
    await rest.ask(allocate, { user_id, amount: "1000000", source: "bench" }, { token: admin });
  const coupon = { coupon_type: "credit_bonus", value: "0.01", code: "BENCH" } as const;
  await rest.ask(createCoupon, coupon, { token: admin });
  const tokens = await Promise.all(users.map((user) => platform.tokenFor(user, ["user"])));
  const use = { service: "bench", cost: "0.000001" };
  const ofUsers = (body: object) => users.map((user_id) => post(service, { ...body, user_id }));
  const events = users.slice(0, BATCH).map((user_id) => ({ ...use, user_id }));
  return [
    {
      name: "balance",
      url: `${api}/balance`,
      requests: tokens.map((token) => ({ method: "GET", headers: { authorization: `Bearer ${token}` } })),
    },
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

function post(token: string, body: object): object {
  const headers = { ...JSON_TYPE, authorization: `Bearer ${token}` };
  return { method: "POST", headers, body: JSON.stringify(body) };
}

async function load({ url, requests, connections = CONNECTIONS }: Target): Promise<Result> {
  const file = join(folder, "load.json");
  await writeFile(file, JSON.stringify({ url, requests, connections, duration: seconds }));
  const child = spawn(process.execPath, [PART("load"), file], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (text: Buffer) => (said += text.toString()));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`the load on ${url} could not be made`);
  const result = JSON.parse(said) as Result;
  if (result.failed > 0) throw new Error(`${result.failed} requests to ${url} failed: their number says nothing`);
  return result;
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

function figureOf({ name, events = 1 }: Target, results: ReadonlyMap<string, Result[]>): Figure {
  const own = results.get(name) ?? [];
  const yardstick = results.get(echo.target.name) ?? [];
  const perSecond = median(own.map((result) => result.perSecond));
  return {
    name,
    perSecond: Math.round(perSecond),
    eventsPerSecond: Math.round(perSecond * events),
    ofEcho: Number(
      median(own.map((result, i) => (result.perSecond * events) / (yardstick[i]?.perSecond ?? NaN))).toFixed(2),
    ),
    p50Ms: median(own.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(own.map(({ p99Ms }) => p99Ms)),
  };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

function tableOf(figures: readonly Figure[]): string {
  const table = new Table({
    head: [`${CONNECTIONS} connections`, "a second", "events a second", "of the echo", "p50 ms", "p99 ms"],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right", "right", "right", "right"],
  });
  for (const { name, perSecond, eventsPerSecond, ofEcho, p50Ms, p99Ms } of figures)
    table.push([name, perSecond, eventsPerSecond, ofEcho, p50Ms, p99Ms]);
  return `${table.toString()}\nMedians of ${rounds} rounds of ${seconds} s. The books balance.`;
}
