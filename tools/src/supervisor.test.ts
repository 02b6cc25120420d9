import { EventEmitter, once } from "node:events";
import { expect, test } from "vitest";
import type { Daemon } from "@tollbooth/shared/local/daemon";
import { until } from "@tollbooth/shared/local/condition";
import { Supervised } from "./supervisor.ts";

/** A server that runs nowhere: it ends when it is told to. */
function fake(pid: number): Daemon {
  const life = new EventEmitter();
  const ended = once(life, "end").then(([how]) => String(how));
  const kill = (signal: NodeJS.Signals) => void life.emit("end", signal);
  return { pid, ended, kill, stop: async () => kill("SIGTERM") };
}

/** A program whose starts are counted; `fail` says which of them fail. */
function program(fail: (start: number) => boolean = () => false) {
  const started: ReturnType<typeof fake>[] = [];
  let starts = 0;
  const start = async () => {
    starts += 1;
    if (fail(starts)) throw new Error(`start ${starts} failed`);
    const daemon = fake(starts);
    started.push(daemon);
    return daemon;
  };
  return { name: "it", start, started };
}

function supervised(of: ReturnType<typeof program>) {
  const told: string[] = [];
  return { told, it: new Supervised(of, (sentence) => told.push(sentence)) };
}

test("what dies is started again", async () => {
  const { it, told } = supervised(program());
  await it.start();
  it.kill("SIGKILL");
  expect(await until(() => it.pid === 2, 2000)).toBe(true);
  expect(told).toEqual(["it ended (SIGKILL) and is started again."]);
  await it.stop();
  expect(it.pid).toBeUndefined();
});

test("what is stopped stays stopped, and may be started anew", async () => {
  const of = program();
  const { it } = supervised(of);
  await it.start();
  await it.stop();
  expect(of.started).toHaveLength(1);
  await it.start();
  expect(it.pid).toBe(2);
  await it.stop();
});

test("a first start that fails is thrown, not tried for ever", async () => {
  const { it } = supervised(program(() => true));
  await expect(it.start()).rejects.toThrow("start 1 failed");
});

test("a restart that fails is tried again and told", async () => {
  const { it, told } = supervised(program((start) => start === 2));
  await it.start();
  it.kill("SIGKILL");
  expect(await until(() => it.pid === 3, 2000)).toBe(true);
  expect(told).toContain("it could not be started again: start 2 failed");
  await it.stop();
});

test("a stop during the pause before a restart ends at once and starts nothing", async () => {
  const of = program();
  const { it } = supervised(of);
  await it.start();
  for (let crash = 1; crash <= 4; crash++) {
    it.kill("SIGKILL");
    expect(await until(() => of.started.length === crash + 1, 5000)).toBe(true);
  }
  it.kill("SIGKILL");
  expect(await until(() => it.quickEnds === 5, 1000)).toBe(true);
  const begin = performance.now();
  await it.stop();
  expect(performance.now() - begin).toBeLessThan(500);
  expect(of.started).toHaveLength(5);
});

test("a stop during the first start leaves nothing running", async () => {
  const of = program();
  const { it } = supervised(of);
  const starting = it.start();
  const [started] = await Promise.allSettled([starting, it.stop()]);
  expect(started).toMatchObject({ reason: { message: "it was stopped while it started" } });
  expect(await of.started[0]?.ended).toBe("SIGTERM");
});
