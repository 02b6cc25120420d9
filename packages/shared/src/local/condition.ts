/** Waiting for a thing to be so. */
import { setTimeout as pause } from "node:timers/promises";

const STEP_MS = 20;

/** Asks again and again until the answer is true; false where it is not within `withinMs`. */
export async function until(isSo: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
  const end = performance.now() + withinMs;
  do {
    if (await isSo()) return true;
    await pause(STEP_MS);
  } while (performance.now() < end);
  return false;
}
