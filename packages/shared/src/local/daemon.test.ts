import { mkdtemp, rm } from "node:fs/promises";
import { getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { startDaemon, type DaemonOptions } from "./daemon.ts";
import { isAlive } from "./leftover.ts";
import { freePort, greeting, holderOf, isFree } from "./ports.ts";

const folder = await mkdtemp(join(tmpdir(), "tollbooth-daemon-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A server which says hello on a port, written in one line of JavaScript. */
function program(port: number, script = ""): DaemonOptions {
  const hello = `require("node:net").createServer((s) => s.end("hello")).listen(${port}, "127.0.0.1")`;
  return {
    name: "The greeter",
    launch: { command: [process.execPath, "-e", `${script}; ${hello}`] },
    logFile: join(folder, `${port}.log`),
    stopSignal: "SIGTERM",
    isReady: async () => (await greeting(port)) !== undefined,
  };
}

test("a server has started when it answers, and ended when stop settles", async () => {
  const port = await freePort();
  const server = await startDaemon(program(port));
  expect(String(await greeting(port))).toBe("hello");
  await server.stop();
  expect(isAlive(server.pid)).toBe(false);
  expect(await server.ended).toBe("SIGTERM");
});

test("of servers that yield others come first where processors are busy", async () => {
  const yielding = await startDaemon({ ...program(await freePort()), yields: true });
  const plain = await startDaemon(program(await freePort()));
  expect(getPriority(yielding.pid)).toBeGreaterThan(getPriority(plain.pid));
  await Promise.all([yielding.stop(), plain.stop()]);
});

test("a server which ends instead of answering is told with its last words", async () => {
  const failing = program(await freePort(), `console.error("no room left"); process.exit(3)`);
  await expect(startDaemon(failing)).rejects.toThrow("The greeter did not start (exit code 3). no room left");
});

test("a program which is not there is told, not thrown as an event", async () => {
  const missing = { ...program(await freePort()), launch: { command: ["/nowhere/greeter"] as const } };
  await expect(startDaemon(missing)).rejects.toThrow("ENOENT");
});

test("a server which stays silent is given up and ended", async () => {
  const silent = { ...program(await freePort()), isReady: async () => false, readyWithinMs: 200 };
  await expect(startDaemon(silent)).rejects.toThrow("no answer within 0.2 s");
});

test("a server which ignores the wish to end is ended by force", async () => {
  const server = await startDaemon(program(await freePort(), `process.on("SIGTERM", () => {})`));
  await server.stop(100);
  expect(await server.ended).toBe("SIGKILL");
});

test("a port in use is not free", async () => {
  const port = await freePort();
  expect(await isFree(port)).toBe(true);
  const server = await startDaemon(program(port));
  expect(await isFree(port)).toBe(false);
  await server.stop();
});

test.runIf(process.platform === "linux")("the holder of a port has a name", async () => {
  const port = await freePort();
  const server = await startDaemon(program(port));
  expect(await holderOf(port)).toBe(`node (pid ${server.pid})`);
  await server.stop();
});
