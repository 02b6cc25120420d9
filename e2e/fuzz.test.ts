/**
 * A fuzzer that has read the API's document: good requests, requests at the ends of what is taken, and broken ones, by
 * whoever there is. `FUZZ_REQUESTS` says how many, `FUZZ_SEED` makes the same ones again.
 */
import fc from "fast-check";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCast, type Cast } from "./fuzz/cast.ts";
import { bytesOf, shown, type Draft } from "./fuzz/draft.ts";
import { operations } from "./fuzz/operations.ts";
import { drafts, examples } from "./fuzz/requests.ts";
import { exchange } from "./fuzz/socket.ts";
import { wrongWith } from "./fuzz/verdict.ts";
import { breaches } from "./harness/books.ts";
import { newKey } from "./harness/openrouter.ts";
import { openPlatform } from "./harness/platform.ts";

const REQUESTS = Number(process.env["FUZZ_REQUESTS"] || 2_000);
const SEED = Number(process.env["FUZZ_SEED"] || Math.floor(Math.random() * 1_000_000));
/** So many are made at a time, and so many are under way at once. */
const CHUNK = 200;
const AT_ONCE = 12;
const MS_A_REQUEST = 50;
/** What is done only with a code of OpenRouter's own page, which no fuzzer has. */
const NEVER_DONE = ["openrouterAccountLink"];
const SERVICES = ["credits", "usage", "coupons", "openrouter", "gateway"] as const;

const own = await openPlatform("fuzz", {
  OPENROUTER_API_KEY: newKey("managed"),
  // Codes that do not exist are asked for all the time: the wait for it would hide everything else.
  RATE_LIMIT_GUESSES: "100000",
});
afterAll(() => own.close());
const port = Number(new URL(own.reach.gatewayUrl).port);
const pids = () => SERVICES.map((service) => own.platform.part(service).pid);

/** A client that still sends when it was answered may lose the answer: the kernel drops it with the connection. */
const UNREAD_BYTES = 65_536;

interface Told {
  readonly draft: Draft;
  readonly status: number;
  readonly wrong: string | undefined;
}

async function ask(draft: Draft): Promise<Told> {
  const isLong = (draft.body?.length ?? 0) > UNREAD_BYTES;
  try {
    const answer = await exchange(port, bytesOf(draft), draft.method === "HEAD");
    const wrong = answer === undefined && isLong ? undefined : wrongWith(draft, answer);
    return { draft, status: answer?.status ?? 0, wrong };
  } catch (error) {
    return { draft, status: 0, wrong: isLong ? undefined : (error as Error).message };
  }
}

/** Asks all of them, so many at once. */
async function askAll(all: readonly Draft[], atOnce = AT_ONCE): Promise<Told[]> {
  const told: Told[] = [];
  const waiting = all.values();
  const one = async () => {
    for (const draft of waiting) told.push(await ask(draft));
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return told;
}

async function askEverything(cast: Cast): Promise<Told[]> {
  const any = fc.constantFrom(...operations).chain((operation) => drafts(operation, cast));
  // One after the other, and what takes something away at last: each makes what the next one needs.
  const isLast = ({ operation }: Draft) => Number(operation.method === "DELETE");
  const told = await askAll(
    examples(operations, cast).toSorted((a, b) => isLast(a) - isLast(b)),
    1,
  );
  for (let chunk = 0; told.length < REQUESTS; chunk++) {
    const numRuns = Math.min(CHUNK, REQUESTS - told.length);
    told.push(...(await askAll(fc.sample(any, { seed: SEED + chunk, numRuns }))));
  }
  return told;
}

function counted(names: readonly (string | number)[]): string {
  const counts = new Map<string | number, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const sorted = [...counts].toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return sorted.map(([name, count]) => `${name}: ${count}`).join(", ");
}

describe(`${REQUESTS} requests of the fuzzer, FUZZ_SEED=${SEED}`, () => {
  const told: Told[] = [];
  let cast: Cast;
  let before: readonly (number | undefined)[];

  beforeAll(
    async () => {
      cast = await makeCast(own.reach);
      before = pids();
      told.push(...(await askEverything(cast)));
      console.log(`FUZZ_SEED=${SEED}: ${told.length} requests; by status ${counted(told.map(({ status }) => status))}`);
      console.log(`by way ${counted(told.flatMap(({ draft }) => draft.ways))}`);
    },
    60_000 + REQUESTS * MS_A_REQUEST,
  );

  test("are answered as the document says, none with a fault of ours, and give nobody what is not his", () => {
    const wrong = told.filter((one) => one.wrong !== undefined);
    expect(wrong.slice(0, 10).map((one) => `${one.wrong}\n  ${shown(one.draft)}`)).toEqual([]);
  });

  test("ask for every operation of the document, and each is done for somebody", () => {
    const done = new Set(told.filter(({ status }) => status === 200).map(({ draft }) => draft.operation.name));
    const never = operations.map(({ name }) => name).filter((name) => !done.has(name));
    expect(never).toEqual(NEVER_DONE);
  });

  test("leave every process running", () => {
    expect(pids()).toEqual(before);
  });

  test("leave no error and no secret in any log", async () => {
    const folder = join(own.reach.folder, "logs");
    const logs = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), "utf8")));
    const lines = logs.flatMap((text) => text.split("\n"));
    expect(lines.length).toBeGreaterThan(REQUESTS / 2);
    expect(lines.filter((line) => line.includes('"level":"error"')).slice(0, 5)).toEqual([]);
    expect(cast.secrets.filter((secret) => logs.some((text) => text.includes(secret)))).toEqual([]);
  });

  test("leave books that balance", async () => {
    expect(await breaches(own.reach.auditUrls)).toEqual([]);
  });
});
