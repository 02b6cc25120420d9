/** Waiting for a thing to be so. */
import { setTimeout as pause } from "node:timers/promises";

const STEP_MS = 20;
const STEP_MAX_MS = 250;
/** Asking costs too, and those who are waited for have the same processors: what takes long is looked at less often. */
const STEP_OF_WAITED = 0.1;

/** Asks again and again until the answer is true; false where it is not within `withinMs`. */
export async function until(isSo: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
  const begin = performance.now();
  for (;;) {
    if (await isSo()) return true;
    const waitedMs = performance.now() - begin;
    if (waitedMs >= withinMs) return false;
    await pause(Math.min(STEP_MAX_MS, Math.max(STEP_MS, waitedMs * STEP_OF_WAITED)));
  }
}
