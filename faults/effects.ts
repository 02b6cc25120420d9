/** What clients asked for and what they were told became of it: what the books are held against. */

/** `done`: it is there exactly once. `refused`: it is not there. `unknown`: it is there once or not at all. */
export type Told = "done" | "refused" | "unknown";

export interface Effect {
  /** A usage event or a redemption, which credits posts when it hears of it; or a posting that credits was asked for. */
  readonly kind: "event" | "posting";
  readonly userId: string;
  /** Of an event, who reported it and its id, or `coupon` and the code; of a posting, its Idempotency-Key. */
  readonly key: string;
  told: Told;
  /** What it moved the balance by, a decimal text, where that is known. */
  amount?: string;
  /** What was told when the key was asked about again after everything was quiet, and when. */
  asked?: { readonly wasDone: boolean; readonly atMs: number };
}

/** Who "reports" a redemption. */
export const COUPON = "coupon";

/** The key of an event. */
export function eventKey(source: string, eventId: string): string {
  return `${source} ${eventId}`;
}
