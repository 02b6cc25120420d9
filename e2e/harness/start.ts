/** `npm start`, and other tools that go on until they are ended, as a person runs them. */
import { spawn, type ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { until } from "@tollbooth/shared/local/condition";
import { ROOT } from "../../tools/src/checkout.ts";

export interface Started {
  readonly process: ChildProcess;
  /** All that it printed so far. */
  said(): string;
  /** Settles with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Starts tools/dist/start.js on a port; it is killed when the running test has ended, if it still runs. */
export function npmStart(home: string, port: number, more: NodeJS.ProcessEnv = {}): Started {
  const { NATS_URL: _nats, CREDITS_DATABASE_URL: _credits, USAGE_DATABASE_URL: _usage, ...env } = process.env;
  return startTool("start", ["--port", String(port)], { ...env, ...more, TOLLBOOTH_HOME: home });
}

/** Starts tools/dist/<name>.js with this environment; it is killed when the running test has ended, if it still runs. */
export function startTool(name: string, args: readonly string[], env: NodeJS.ProcessEnv): Started {
  const child = spawn(process.execPath, [join(ROOT, "tools/dist", `${name}.js`), ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()));
  const ended = new Promise<number | string>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { process: child, said: () => said, ended };
}

/** Settles when it has said that it is ready; throws what it said instead. */
export async function isReady(started: Started, withinMs = 60_000): Promise<void> {
  const hasEnded = () => started.process.exitCode !== null;
  await until(() => hasEnded() || started.said().includes("is ready"), withinMs);
  if (hasEnded() || !started.said().includes("is ready")) throw new Error(started.said());
}

/** The command lines of all processes that mention a folder, except for those that only look at it. */
export function processesOf(folder: string): string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(commandLine).filter((line) => line.includes(folder));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}
