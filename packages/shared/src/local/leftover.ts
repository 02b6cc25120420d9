/** Processes that an earlier run left behind because it was killed. */
import { readFile, rm } from "node:fs/promises";
import { onPath, output } from "./command.ts";
import { until } from "./condition.ts";

export interface Leftover {
  /** A file whose first line is the pid. */
  readonly pidFile: string;
  /** A text that only our process has in its command line: a pid may have passed on to somebody else's. */
  readonly mark: string;
  readonly signal: "SIGINT" | "SIGTERM";
  readonly graceMs?: number;
}

/**
 * Ends the process that a pid file names and removes the file, so that what it held is free again. Answers whether
 * one was running. A process that is not ours is left alone; one that does not end within `graceMs` is killed.
 */
export async function endLeftover({ pidFile, mark, signal, graceMs = 5000 }: Leftover): Promise<boolean> {
  const pid = await runningOf({ pidFile, mark });
  if (pid !== undefined) await end(pid, signal, graceMs);
  await rm(pidFile, { force: true });
  return pid !== undefined;
}

/** The process that a pid file names, while it runs and is ours. */
export async function runningOf({ pidFile, mark }: Pick<Leftover, "pidFile" | "mark">): Promise<number | undefined> {
  const pid = Number((await readFile(pidFile, "utf8").catch(() => "")).split("\n")[0]);
  return pid > 0 && (await commandLine(pid)).includes(mark) ? pid : undefined;
}

async function end(pid: number, signal: NodeJS.Signals, graceMs: number): Promise<void> {
  send(pid, signal);
  if (await until(() => !isAlive(pid), graceMs)) return;
  send(pid, "SIGKILL");
  if (!(await until(() => !isAlive(pid), graceMs))) throw new Error(`process ${pid} of an earlier run does not end`);
}

/** Sends a signal; a process that has just ended is no error. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Whether a process exists, ours or not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** A process's command line; empty where there is no such process. */
export async function commandLine(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => undefined);
  if (text !== undefined) return text.replaceAll("\0", " ").trim();
  const ps = await onPath("ps");
  return ps === undefined ? "" : output([ps, "-o", "command=", "-p", String(pid)]).catch(() => "");
}
