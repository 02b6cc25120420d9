/** The audit as a process of its own: it tries every law again and again, and tells what it finds. */
import { setTimeout as pause } from "node:timers/promises";
import { audit, type Finding } from "./books.ts";
import { roundLine } from "./findings.ts";
import type { Books } from "./reconcile.ts";

export interface WatchOptions {
  readonly books: Books;
  readonly everyMs: number;
  /** Ends the watch, after the round in hand. */
  readonly signal: AbortSignal;
  /** Hears each round: its findings, or why there are none; and the same in one line. */
  readonly tell: (line: string, round: Round) => void;
}

export interface Round {
  readonly at: string;
  readonly seconds: number;
  readonly findings?: readonly Finding[];
  /** Why nothing could be tried. */
  readonly error?: string;
}

/** Watches until the signal; a round that fails is told, and the next one comes all the same. */
export async function watch({ books, everyMs, signal, tell }: WatchOptions): Promise<void> {
  let before: readonly Finding[] = [];
  while (!signal.aborted) {
    const [at, begin] = [new Date(), performance.now()];
    try {
      const seen = await audit(books);
      const [findings, tookMs] = [lasting(before, seen), performance.now() - begin];
      tell(roundLine(at, findings, tookMs), { at: at.toISOString(), seconds: tookMs / 1000, findings });
      before = seen;
    } catch (error) {
      const [{ message }, tookMs] = [error as Error, performance.now() - begin];
      tell(`${at.toISOString()} not tried: ${message}`, {
        at: at.toISOString(),
        seconds: tookMs / 1000,
        error: message,
      });
    }
    await pause(everyMs, undefined, { signal }).catch(() => {});
  }
}

/**
 * Findings without what was only on its way: what lies between the books counts when the very same was there a round
 * before.
 */
export function lasting(before: readonly Finding[], now: readonly Finding[]): Finding[] {
  const known = new Set(before.flatMap(({ breaches }) => breaches));
  return now.map((finding) =>
    finding.of === "all" ? { ...finding, breaches: finding.breaches.filter((breach) => known.has(breach)) } : finding,
  );
}
