/** A server process of ours: started, awaited until it answers, stopped. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { until } from "./condition.ts";
import type { Launch } from "./launch.ts";
import { send } from "./leftover.ts";
import { letOthersFirst } from "./priority.ts";

export interface DaemonOptions {
  /** What people call it: "Postgres". */
  readonly name: string;
  readonly launch: Launch;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Where all it prints is appended. */
  readonly logFile: string;
  /** Whether others come first where processors are busy. */
  readonly yields?: boolean;
  /** The signal that ends it in good order. */
  readonly stopSignal: "SIGINT" | "SIGTERM";
  /** Whether it answers; asked until it does. */
  readonly isReady: () => Promise<boolean>;
  readonly readyWithinMs?: number;
}

export interface Daemon {
  readonly pid: number;
  /** How it ended, in a phrase such as "exit code 1"; settles when it has, never rejects. */
  readonly ended: Promise<string>;
  /** Ends it in good order; by force where it takes longer than `withinMs`. Settles when it has ended. */
  stop(withinMs?: number): Promise<void>;
  /** Sends a signal, such as SIGKILL or SIGSTOP; nothing where it has ended. */
  kill(signal: NodeJS.Signals): void;
}

const LOG_MAX_BYTES = 10_000_000;
const STOP_WITHIN_MS = 5000;

/** Starts a server and settles when it answers. Throws with the end of its log where it ends or stays silent instead. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { name, launch, env, cwd, logFile, readyWithinMs = 30_000 } = options;
  const [program, ...args] = launch.command;
  const log = await openLog(logFile);
  const { size: logStart } = await log.stat();
  // Detached: Ctrl-C in a terminal goes to every process of its group, and servers must outlive those who use them.
  const child = spawn(program, args, {
    cwd,
    env,
    uid: launch.uid,
    gid: launch.gid,
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
  });
  if (options.yields === true && child.pid !== undefined) letOthersFirst(child.pid);
  const daemon = watch(child, options.stopSignal);
  await log.close();

  let end: string | undefined;
  void daemon.ended.then((how) => (end = how));
  const isReady = await until(async () => end !== undefined || (await options.isReady()), readyWithinMs);
  if (isReady && end === undefined) return daemon;
  const why = end ?? `no answer within ${readyWithinMs / 1000} s`;
  await daemon.stop();
  throw new Error(`${name} did not start (${why}). ${await tail(logFile, logStart)}`.trim());
}

function watch(child: ChildProcess, stopSignal: NodeJS.Signals): Daemon {
  let isRunning = true;
  const kill = (signal: NodeJS.Signals) => {
    if (isRunning && child.pid !== undefined) send(child.pid, signal);
  };
  // Where the kernel does not do it for us, at least an exit of our own takes the server along.
  const onExit = () => kill(stopSignal);
  process.setMaxListeners(process.getMaxListeners() + 1);
  process.on("exit", onExit);
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
  }).finally(() => {
    isRunning = false;
    process.off("exit", onExit);
    process.setMaxListeners(process.getMaxListeners() - 1);
  });

  const stop = async (withinMs = STOP_WITHIN_MS) => {
    kill(stopSignal);
    const force = setTimeout(() => kill("SIGKILL"), withinMs);
    await ended;
    clearTimeout(force);
  };
  return { pid: child.pid ?? 0, ended, stop, kill };
}

/** A log is kept across restarts, so that the reason of a crash is there to read, but not for ever. */
async function openLog(path: string) {
  const size = await stat(path).then(
    (file) => file.size,
    () => 0,
  );
  if (size > LOG_MAX_BYTES) await rename(path, `${path}.old`);
  await mkdir(dirname(path), { recursive: true });
  return open(path, "a", 0o600);
}

const TAIL_LINES = 6;
const TAIL_LINE_MAX = 400;

/** The last lines of a log, from a byte on; long ones are cut. */
export async function tail(logFile: string, from = 0): Promise<string> {
  const text = (await readFile(logFile).catch(() => Buffer.alloc(0))).subarray(from).toString("utf8");
  const lines = text.trimEnd().split("\n");
  return lines
    .slice(-TAIL_LINES)
    .map((line) => (line.length > TAIL_LINE_MAX ? `${line.slice(0, TAIL_LINE_MAX)} ...` : line))
    .join("\n");
}
