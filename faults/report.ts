/** What a scenario did and saw, as a small table. */
import type { Seen } from "./scenario.ts";
import type { Traffic } from "./traffic.ts";

/** What became of one kind of effects. */
export interface Tally {
  readonly done: number;
  readonly refused: number;
  readonly unknown: number;
}

/** Counts what clients were told of their events, or of their postings. */
export function tally({ effects }: Traffic, kind: "event" | "posting"): Tally {
  const of = effects.filter((each) => each.kind === kind);
  const count = (told: keyof Tally) => of.filter((each) => each.told === told).length;
  return { done: count("done"), refused: count("refused"), unknown: count("unknown") };
}

/** Prints it, with the first of whatever is not as it must be. */
export function print({ traffic, injected, bills, discarded, quietMs, verdict }: Seen): void {
  const { reporter, rest } = traffic;
  const told = (kind: "event" | "posting") =>
    Object.entries(tally(traffic, kind))
      .map(([what, count]) => `${count} ${what}`)
      .join(", ");
  const answers = [...rest.seen]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([status, times]) => `${times} x ${status}`);
  const rows = [
    ["events", `${told("event")}; ${reporter.confirmed} over NATS, ${reporter.sentAgain} of them sent again`],
    ["postings", told("posting")],
    ...(bills === undefined ? [] : [["chats", `${bills.billed} billed, ${bills.unnamed} of them by an unheard name`]]),
    ["answers", answers.join(", ")],
    ...injected.map(({ what, atMs }) => ["fault", `${what} at ${seconds(atMs)}`]),
    ...(discarded === 0 ? [] : [["letters", `${discarded} of poison put away`]]),
    ["quiet", `${seconds(quietMs)} after the last fault`],
    ["lost", String(verdict.lost.length)],
    ["doubled", String(verdict.doubled.length)],
    ["books", verdict.broken.length === 0 ? "balanced" : `${verdict.broken.length} laws are broken`],
  ];
  const first = Object.entries(verdict).flatMap(([of, found]: [string, readonly string[]]) =>
    found.slice(0, SHOWN_MAX).map((what) => [of, what]),
  );
  console.log([...rows, ...first].map(([name = "", value = ""]) => `  ${name.padEnd(10)} ${value}`).join("\n"));
}

const SHOWN_MAX = 5;

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
