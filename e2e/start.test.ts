import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { until } from "@tollbooth/shared/local/condition";
import { freePort } from "@tollbooth/shared/local/ports";
import { testFolder } from "@tollbooth/shared/testing/find";
import { isReady, npmStart, processesOf, type Started } from "./harness/start.ts";

const { folder: home, remove } = await testFolder("start");
afterAll(remove);
const port = await freePort();
const shell = promisify(execFile);

/** Runs what `npm start` says one could try; answers what each of the three printed. */
async function tryIt(started: Started): Promise<unknown[]> {
  const said = started.said();
  const tokens = [...said.matchAll(/^ +((?:USER|ADMIN)_TOKEN=\S+)$/gm)].map(([, token]) => token);
  const [, commands = ""] = said.split("with these two set:\n");
  const oneALine = commands.trim().replaceAll("\n  curl", "; echo\ncurl");
  const { stdout } = await shell("bash", ["-c", [...tokens, oneALine].join("\n")]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

test("npm start makes a platform out of nothing, and what it suggests to try works", async () => {
  const started = npmStart(home, port);
  await isReady(started);
  const [balance, use, granted] = await tryIt(started);
  expect(balance).toMatchObject({ user_id: "alice", balance: "5.000000000000" });
  expect(use).toMatchObject({ user_id: "alice", model: "gpt-4o-mini" });
  expect(granted).toMatchObject({ user_id: "alice" });

  const second = npmStart(home, await freePort());
  expect(await second.ended).toBe(1);
  expect(second.said()).toContain(`Tollbooth already runs in ${home} (pid ${started.process.pid})`);
});

test.runIf(process.platform === "linux")("kill -9 of npm start leaves no process and loses nothing", async () => {
  const first = npmStart(home, port);
  await isReady(first);
  const [before] = await tryIt(first);
  first.process.kill("SIGKILL");
  expect(await until(() => processesOf(home).length === 0, 10_000)).toBe(true);

  const second = npmStart(home, port);
  await isReady(second);
  const [after] = await tryIt(second);
  const granted = ({ balance }: { balance: string }) => Math.round(Number(balance));
  expect(granted(after as { balance: string })).toBe(granted(before as { balance: string }) + 25);

  second.process.kill("SIGTERM");
  expect(await second.ended).toBe(0);
  expect(processesOf(home)).toEqual([]);
});

test.runIf(process.platform === "linux")(
  "SIGTERM ends all of it within 10 s, and the next start finds the data again",
  async () => {
    const [cold, first] = await startTimed();
    await tryIt(first);
    const [before] = await tryIt(first);
    const begin = performance.now();
    first.process.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    const stop = Math.round(performance.now() - begin);
    expect(stop).toBeLessThan(10_000);
    expect(processesOf(home)).toEqual([]);

    const [again, second] = await startTimed();
    const [after] = await tryIt(second);
    // What was tried in between: one use, one grant of 25.
    expect(Math.round(balanceIn(after))).toBe(Math.round(balanceIn(before)) + 25);
    console.log(
      `npm start: ready after ${cold} ms, stopped after ${stop} ms, ready again with its data after ${again} ms`,
    );
  },
);

/** How long it takes until it is ready, in milliseconds. */
async function startTimed(): Promise<[tookMs: number, started: Started]> {
  const begin = performance.now();
  const platform = npmStart(home, port);
  await isReady(platform);
  return [Math.round(performance.now() - begin), platform];
}

function balanceIn(answer: unknown): number {
  return Number((answer as { balance: string }).balance);
}

test("a port that is taken is told in one sentence", async () => {
  const taken = await freePort();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(taken, "127.0.0.1", resolve));
  const started = npmStart(home, taken);
  expect(await started.ended).toBe(1);
  server.close();
  expect(started.said()).toMatch(
    new RegExp(`^Port ${taken} is taken by .*: end that, or choose another port.*\\.$`, "m"),
  );
});

test("a broker that is given and does not answer is told in one sentence", async () => {
  const nobody = await freePort();
  const started = npmStart(home, port, { NATS_URL: `nats://127.0.0.1:${nobody}` });
  expect(await started.ended).toBe(1);
  expect(started.said()).toContain(`NATS_URL is set, but nobody answers at 127.0.0.1:${nobody}.`);
});
