import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { until } from "@tollbooth/shared/local/condition";
import { freePort } from "@tollbooth/shared/local/ports";
import { testFolder } from "@tollbooth/shared/testing/find";
import { isReady, npmStart, processesOf, type Started } from "./harness/start.ts";
import { tool } from "./harness/tool.ts";

const { folder: home, remove } = await testFolder("start");
afterAll(remove);
const port = await freePort();
const shell = promisify(execFile);
const isLinux = process.platform === "linux";

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

test("npm start makes a platform out of nothing; SIGTERM ends it within 10 s, kill -9 at once, npm run stop as well, and the next start finds the data again", async () => {
  const [coldMs, first] = await startTimed();
  const [before, use, granted] = await tryIt(first);
  expect(before).toMatchObject({ user_id: "alice", balance: "5.000000000000" });
  expect(use).toMatchObject({ user_id: "alice", model: "gpt-4o-mini" });
  expect(granted).toMatchObject({ user_id: "alice" });

  const beside = npmStart(home, await freePort());
  expect(await beside.ended).toBe(1);
  expect(beside.said()).toContain(`Tollbooth already runs in ${home} (pid ${first.process.pid})`);

  const stopMs = await stopTimed(first);
  const [warmMs, second] = await startTimed();
  const [again] = await tryIt(second);
  // What was tried in between: one use, one grant of 25.
  expect(Math.round(balanceIn(again))).toBe(Math.round(balanceIn(before)) + 25);
  console.log(
    `npm start: ready after ${coldMs} ms, stopped after ${stopMs} ms, ready again with its data after ${warmMs} ms`,
  );

  second.process.kill("SIGKILL");
  // Elsewhere nothing tells its processes of its death.
  if (isLinux) expect(await until(() => processesOf(home).length === 0, 10_000)).toBe(true);
  const [, third] = await startTimed();
  const [after] = await tryIt(third);
  expect(Math.round(balanceIn(after))).toBe(Math.round(balanceIn(again)) + 25);
  expect(await tool(home, "stop")).toMatchObject({ code: 0, out: "Ended the platform.\n" });
  expect(await third.ended).toBe(0);
  expect(isLinux ? processesOf(home) : []).toEqual([]);
  expect(await tool(home, "stop")).toMatchObject({ code: 0, out: "Nothing was running.\n" });
  expect(await tool(home, "stop", "--json")).toMatchObject({ code: 0, out: "[]\n" });
});

/** How long it takes until it is ready, in milliseconds. */
async function startTimed(): Promise<[tookMs: number, started: Started]> {
  const begin = performance.now();
  const platform = npmStart(home, port);
  await isReady(platform);
  return [Math.round(performance.now() - begin), platform];
}

/** Ends it as a person does; answers how long that took, in milliseconds. */
async function stopTimed(started: Started): Promise<number> {
  const begin = performance.now();
  started.process.kill("SIGTERM");
  expect(await started.ended).toBe(0);
  const tookMs = Math.round(performance.now() - begin);
  expect(tookMs).toBeLessThan(10_000);
  expect(isLinux ? processesOf(home) : []).toEqual([]);
  return tookMs;
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
