/**
 * What the OpenRouter proxy adds to a streamed chat: the same fake OpenRouter is asked directly and through the proxy, on
 * credits and on users' own keys, in turn. Then as many streams as there may be at once, and what memory 500 open ones take.
 * The books are audited afterwards. `npm run bench -- proxy`.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import { createOpenRouterAccount } from "@tollbooth/shared/contracts/openrouter";
import { until } from "@tollbooth/shared/local/condition";
import { freePort } from "@tollbooth/shared/local/ports";
import { Rest } from "@tollbooth/tools/demo/rest";
import type { Platform } from "@tollbooth/tools/platform";
import { requireBalanced } from "./parts/balanced.ts";
import { median, rounded } from "./parts/numbers.ts";
import { onPlatform } from "./parts/place.ts";
import { startProgram } from "./parts/program.ts";
import { post } from "./parts/requests.ts";
import { residentMb } from "./parts/sample.ts";
import { stream, type Asked, type Streams } from "./parts/streaming.ts";
import { tell, withJson, type Told } from "./parts/telling.ts";
import { openUsers } from "./parts/users.ts";

const USERS = 20;
const WITHIN_MS = 10_000;
/** What is measured one at a time is measured so many at once too. */
const AT_ONCE = 32;
const OPEN = 500;
/** 500 that are opened in the same moment are shed in part: a database has few connections. */
const APART_MS = 10;
const LOOK_EVERY_MS = 250;

const MANAGED = "sk-or-v1-bench-managed";
const chat = {
  model: "openai/gpt-4.1",
  messages: [{ role: "user", content: "word ".repeat(200) }],
  max_tokens: 50,
  stream: true,
};
/** Five words a second. */
const slowChat = { ...chat, max_tokens: 60, user: "leisurely" };

const command = withJson(new Command("npm run bench -- proxy"))
  .description("Measures what the OpenRouter proxy adds to a streamed chat, and what open streams take.")
  .option("--rounds <number>", "how often each is measured; medians are told", Number, 5)
  .option("--seconds <number>", "how long each time", Number, 4)
  .parse();
const { rounds, seconds } = command.opts<{ rounds: number; seconds: number }>();

const port = await freePort();
const fakeUrl = `http://127.0.0.1:${port}/api/v1`;
const fake = startProgram("fake", String(port));
try {
  const asksFake = { OPENROUTER_BASE_URL: fakeUrl, OPENROUTER_API_KEY: MANAGED };
  await onPlatform(async (platform, folder) => {
    const targets = await targetsOf(platform);
    const figures = {
      overhead: await overhead(folder, targets),
      ...(await openStreams(platform, folder, targets)),
    };
    await requireBalanced(platform.auditUrls);
    tell(command, figures, toldOf(figures));
  }, asksFake);
} finally {
  fake.kill();
}

type Target = Pick<Asked, "url" | "requests"> & { readonly name: string };

/** Directly, on credits, and on own keys: half of the users have some. */
async function targetsOf(platform: Platform): Promise<readonly [Target, Target, Target]> {
  const users = await openUsers(platform, USERS);
  const tokens = await Promise.all(users.map((user) => platform.tokenFor(user, ["user"])));
  const rest = new Rest(platform.gatewayUrl);
  const owners = tokens.filter((_, i) => i % 2 === 0);
  for (const [i, token] of owners.entries())
    await rest.ask(createOpenRouterAccount, { api_key: `sk-or-v1-bench-own-key-${i}` }, { token });
  const url = `${platform.gatewayUrl}/api/v1/chat/completions`;
  const of = (some: readonly string[]) => some.map((token) => post(token, chat));
  const managed = { name: "on credits", url, requests: of(tokens.filter((_, i) => i % 2 === 1)) };
  const isPriced = async () => {
    const answer = await fetch(url, managed.requests[0]);
    await answer.text();
    return answer.ok;
  };
  if (!(await until(isPriced, WITHIN_MS))) throw new Error("the proxy does not serve a chat");
  return [
    { name: "directly", url: `${fakeUrl}/chat/completions`, requests: [post(MANAGED, chat)] },
    managed,
    { name: "on own keys", url, requests: of(owners) },
  ];
}

interface Overhead extends Streams {
  readonly name: string;
  readonly atOnce: number;
}

/** Of each target in turn; the times of the proxy are what it took longer than the direct call of the same round. */
async function overhead(folder: string, targets: readonly Target[]): Promise<Overhead[]> {
  const figures: Overhead[] = [];
  for (const atOnce of [1, AT_ONCE]) {
    const results = targets.map((): Streams[] => []);
    for (const { url, requests } of targets) await stream(folder, { url, requests, atOnce, seconds: 1 });
    for (let round = 0; round < rounds; round++)
      for (const [i, { url, requests }] of targets.entries())
        results[i]?.push(await stream(folder, { url, requests, atOnce, seconds }));
    const [direct = []] = results;
    for (const [i, { name }] of targets.entries()) {
      const own = results[i] ?? [];
      const base = (round: number) => (i === 0 ? undefined : direct[round]);
      const of = (key: keyof Streams) =>
        rounded(median(own.map((result, round) => result[key] - (base(round)?.[key] ?? 0))), 2);
      figures.push({
        name,
        atOnce,
        perSecond: rounded(median(own.map(({ perSecond }) => perSecond))),
        firstP50Ms: of("firstP50Ms"),
        firstP99Ms: of("firstP99Ms"),
        lastP50Ms: of("lastP50Ms"),
        lastP99Ms: of("lastP99Ms"),
      });
    }
  }
  return figures;
}

type Memory = Readonly<Record<"gateway" | "openrouter", number>>;

/** How much memory is resident before, and at most while so many streams are open, by all keys there are. */
async function openStreams(platform: Platform, folder: string, targets: readonly Target[]) {
  const look = async (): Promise<Memory> => ({
    gateway: await residentMb(platform.part("gateway").pid ?? 0),
    openrouter: await residentMb(platform.part("openrouter").pid ?? 0),
  });
  const [, managed, own] = targets;
  const requests = [...(managed?.requests ?? []), ...(own?.requests ?? []), ...(own?.requests ?? [])].map(
    (request) => ({
      ...request,
      body: JSON.stringify(slowChat),
    }),
  );
  const before = await look();
  const most = { ...before };
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      const now = await look();
      for (const part of ["gateway", "openrouter"] as const) most[part] = Math.max(most[part], now[part]);
      await pause(LOOK_EVERY_MS);
    }
  })();
  const streaming = stream(folder, { url: managed?.url ?? "", requests, atOnce: OPEN, seconds: 0, apartMs: APART_MS });
  await Promise.all([streaming.finally(() => over.abort()), watching]);
  return { memoryBeforeMb: before, memoryOpenMb: most };
}

interface Figures {
  readonly overhead: readonly Overhead[];
  readonly memoryBeforeMb: Memory;
  readonly memoryOpenMb: Memory;
}

function toldOf({ overhead: figures, memoryBeforeMb: before, memoryOpenMb: open }: Figures): Told {
  const head = [
    "streams of 50 words",
    "at once",
    "a second",
    "first p50 ms",
    "first p99 ms",
    "last p50 ms",
    "last p99 ms",
  ];
  const rows = figures.map(({ name, atOnce, perSecond, ...ms }) => {
    const sign = (value: number) => (name === "directly" || value < 0 ? String(value) : `+${value}`);
    return [name, atOnce, perSecond, ...[ms.firstP50Ms, ms.firstP99Ms, ms.lastP50Ms, ms.lastP99Ms].map(sign)];
  });
  const memory = (["gateway", "openrouter"] as const).map(
    (part) => `the ${part} process had ${before[part]} MB and has ${open[part]} MB`,
  );
  const says = `Medians of ${rounds} rounds of ${seconds} s; what the proxy takes is told as more than the direct call of its round. With ${OPEN} streams open ${memory.join(", ")}. The books balance.`;
  return { head, rows, says };
}
