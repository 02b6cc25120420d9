/** Who comes first where processors are busy. */
import { writeFile } from "node:fs/promises";
import { getPriority, setPriority } from "node:os";
import { until } from "./condition.ts";

/** Of a busy processor it gets a tenth of what we get. */
const NICE = 10;
const NICEST = 19;
const WITHIN_MS = 2_000;

/** Lets all others go before a process that was just started, as far as the system lets us say so. */
export function letOthersFirst(pid: number): void {
  const nice = Math.min(NICEST, getPriority() + NICE);
  try {
    setPriority(pid, nice);
  } catch {
    // It has ended.
    return;
  }
  // Linux may weigh sessions before it weighs their processes (sched(7), autogroup), and a server has a session of its own.
  void until(() => weighed(pid, nice), WITHIN_MS);
}

/** Who is not root may say so ten times a second. */
function weighed(pid: number, nice: number): Promise<boolean> {
  return writeFile(`/proc/${pid}/autogroup`, String(nice)).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "EAGAIN",
  );
}
