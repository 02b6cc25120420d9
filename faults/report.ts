/** What a scenario did and saw, as a small table. */
import type { Injected, Verdict } from "./scenario.ts";
import type { Traffic } from "./traffic.ts";

interface Seen {
  readonly traffic: Traffic;
  readonly injected: readonly Injected[];
  readonly quietMs: number;
  readonly verdict: Verdict;
}

/** Prints it, with the first of whatever is not as it must be. */
export function print({ traffic, injected, quietMs, verdict }: Seen): void {
  const { effects, reporter, rest } = traffic;
  const count = (kind: string, told: string) =>
    effects.filter((each) => each.kind === kind && each.told === told).length;
  const told = (kind: string) =>
    `${count(kind, "done")} done, ${count(kind, "refused")} refused, ${count(kind, "unknown")} unknown`;
  const answers = [...rest.seen]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([status, times]) => `${times} x ${status}`);
  const rows = [
    ["events", `${told("event")}; ${reporter.confirmed} over NATS, ${reporter.sentAgain} of them sent again`],
    ["postings", told("posting")],
    ["answers", answers.join(", ")],
    ...injected.map(({ what, atMs }) => ["fault", `${what} at ${seconds(atMs)}`]),
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
