/** What happens to clocks: one process thinks that it is another hour. */
import { setTimeout as pause } from "node:timers/promises";
import type { Service } from "../tools/src/service.ts";
import type { Harm } from "./harms.ts";
import type { World } from "./world.ts";

const WRONG_MS = 4_000;
const PRELOAD = new URL("skew.mjs", import.meta.url);
const HOUR_MINUTES = 60;

/**
 * Each service's clock goes ahead and behind. Not the gateway's by more than tokens live, which it would rightly refuse; not
 * that of usage behind: on a platform that is minutes old there was no price yet at that time.
 */
// prettier-ignore
const JUMPS = [
  { service: "credits",    minutes: 26 * HOUR_MINUTES },
  { service: "credits",    minutes: -26 * HOUR_MINUTES },
  { service: "usage",      minutes: 26 * HOUR_MINUTES },
  { service: "coupons",    minutes: 26 * HOUR_MINUTES },
  { service: "coupons",    minutes: -26 * HOUR_MINUTES },
  { service: "openrouter", minutes: 26 * HOUR_MINUTES },
  { service: "openrouter", minutes: -26 * HOUR_MINUTES },
  { service: "gateway",    minutes: 30 },
  { service: "gateway",    minutes: -30 },
] as const;

export const CLOCKS: readonly Harm[] = JUMPS.map(({ service, minutes }) => ({
  kind: "clock jump",
  name: `the clock of ${service} ${Math.abs(minutes)} minutes ${minutes > 0 ? "ahead" : "behind"} for ${WRONG_MS / 1000} s`,
  on: service,
  to: (world) => skew(world, service, minutes),
}));

/** Starts a service whose clock is wrong, and after a while one whose clock is right. */
async function skew({ platform }: World, service: Service, minutes: number): Promise<void> {
  const aheadMs = minutes * 60_000;
  try {
    await platform.restart(service, {
      NODE_OPTIONS: `--import ${PRELOAD.href}`,
      FAULT_CLOCK_AHEAD_MS: String(aheadMs),
    });
    await pause(WRONG_MS);
  } finally {
    await platform.restart(service);
  }
}
