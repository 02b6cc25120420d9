/** Answers, as far as they matter here. */
import type { Effect } from "./effects.ts";
import type { Answer } from "./rest.ts";

/** To `usage/track`. */
export interface Event {
  readonly charged: string;
}

/** To `coupons/redeem`. */
export interface Redeemed {
  readonly credits_awarded: string;
}

/** To each item of `usage/track/batch`. */
export interface Item {
  readonly status: "recorded" | "duplicate" | "refused";
  readonly event?: Event;
}

/** After these refusals nobody knows whether it was done. */
export const UNKNOWN: ReadonlySet<string> = new Set(["timeout", "unavailable", "overloaded", "internal"]);

/** Takes note of a refusal that was to be expected; answers what is wrong where it is another answer. */
export function expectRefusal(answer: Answer, status: number, effect?: Effect): string | undefined {
  if (answer.status !== status) return unexpected(answer);
  if (effect !== undefined) effect.told = "refused";
  return undefined;
}

/** What is wrong with an answer that no client should get. */
export function unexpected({ status, text }: Answer): string {
  return `unexpected ${status} ${text.slice(0, 300)}`;
}
