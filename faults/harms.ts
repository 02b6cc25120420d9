/** What can happen to a platform, one thing at a time. */
import type { Part } from "../tools/src/platform.ts";
import { CLOCKS } from "./clocks.ts";
import { CONNECTIONS, LINES, PROVIDER_LINE } from "./connections.ts";
import { DISKS } from "./disks.ts";
import { MESSAGES } from "./messages.ts";
import { MOODS } from "./moods.ts";
import { CRASHES, DEATHS, RESTARTS, STOPS } from "./processes.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

export interface Harm {
  /** What is counted together. */
  readonly kind: string;
  readonly name: string;
  /** What it harms: two harms of one thing do not come at the same time. */
  readonly on: Part | "messages" | "provider";
  /** Settles when it has happened; what was harmed may still be coming back. Throws where it could not happen. */
  readonly to: (world: World, random: Random) => Promise<unknown>;
}

/** All that there is. */
export const HARMS: readonly Harm[] = [
  ...DEATHS,
  ...CRASHES,
  ...RESTARTS,
  ...STOPS,
  ...CONNECTIONS,
  ...LINES,
  ...MESSAGES,
  ...CLOCKS,
  ...DISKS,
  ...MOODS,
  ...PROVIDER_LINE,
];
