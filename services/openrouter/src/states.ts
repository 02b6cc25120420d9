/**
 * The states of a request, from its claim to its end. The row has the state, credits have the hold; a process may die
 * between any two steps. So each state says how its hold may stand meanwhile, and what is to be done where nobody has
 * the request in his hands any more. Pure.
 */
import type { CreditHold } from "@tollbooth/shared/contracts/holds";
import type { z } from "zod";

/** `none`: credits have not heard of it. Requests that credits do not pay have none all along. */
export type HoldState = z.output<typeof CreditHold>["state"] | "none";

/**
 * `give back`: it was not sent, or nothing was done: the hold is released, and the request may be asked again.
 * `look up`: nobody knows what became of it: OpenRouter is asked for its bill.
 * `tell`: usage is told what it used; its event captures the hold.
 */
export type Step = "give back" | "look up" | "tell";

interface Standing {
  readonly holds: readonly HoldState[];
  /** What is due; undefined at the end. */
  readonly due: Step | undefined;
}

// prettier-ignore
export const STATES = {
  reserving: { holds: ["none", "active", "released"],   due: "give back" },
  sent:      { holds: ["none", "active", "expired"],    due: "look up" },
  refused:   { holds: ["none", "active", "released"],   due: "give back" },
  answered:  { holds: ["none", "active", "captured", "expired"], due: "tell" },
  // A hold that expired before its bill was found is charged all the same: what was served is owed.
  recorded:  { holds: ["none", "active", "captured", "expired"], due: undefined },
  // OpenRouter never told a bill, so there is none to pay: the hold ends by itself.
  lost:      { holds: ["none", "active", "expired"],    due: undefined },
} as const satisfies Readonly<Record<string, Standing>>;

export type State = keyof typeof STATES;

/** Looked up after 5 s, 10 s, 20 s, ...: for 85 minutes in all, then the request is lost. */
const LOOK_UPS_MAX = 10;

/** The next step of a request that nobody has in his hands; `lose` where there is nothing left to try. */
export function dueStep(request: {
  readonly state: State;
  readonly generationId: string | null;
  readonly attempts: number;
}): Step | "lose" | undefined {
  const { due } = STATES[request.state];
  const isHopeless = request.generationId === null || request.attempts >= LOOK_UPS_MAX;
  return due === "look up" && isHopeless ? "lose" : due;
}
