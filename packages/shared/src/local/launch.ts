/** How a program is started so that it never outlives the process that started it. */
import { onPath, succeeds, type Command } from "./command.ts";

/** A command and, where they are not ours, the ids it runs under. */
export interface Launch {
  readonly command: Command;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

let found: Promise<string | undefined> | undefined;

/** The setpriv that knows --pdeathsig: Debian's does, busybox's does not, macOS has none. */
async function setpriv(): Promise<string | undefined> {
  const path = await onPath("setpriv");
  return path !== undefined && (await succeeds([path, "--pdeathsig", "keep", "true"])) ? path : undefined;
}

/**
 * The same launch, which gets `signal` from the kernel when we die, however we die. Where the machine has no such
 * thing the launch is what it was; then the next start ends what was left behind.
 */
export async function dyingWithUs(launch: Launch, signal: "INT" | "TERM"): Promise<Launch> {
  found ??= setpriv();
  const path = await found;
  if (path === undefined) return launch;
  // setpriv changes the ids itself: the kernel forgets the parent-death signal when ids change after it was set.
  const ids =
    launch.uid === undefined ? [] : [`--reuid=${launch.uid}`, `--regid=${launch.gid ?? launch.uid}`, "--clear-groups"];
  return { command: [path, "--pdeathsig", signal, ...ids, "--", ...launch.command] };
}
