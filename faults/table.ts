/** What sieges did and saw, as figures and as the table of docs/PROOF.md. */
import { cpus, totalmem } from "node:os";
import { HARMS } from "./harms.ts";
import { tally } from "./report.ts";
import type { Seen } from "./scenario.ts";

export interface SeedFigures {
  readonly seed: number;
  /** All that is not as it must be; with nothing else beside it where the siege broke off. */
  readonly wrong: readonly string[];
  readonly seen?: {
    readonly events: number;
    readonly acknowledged: number;
    readonly postings: number;
    readonly billed: number;
    readonly unnamed: number;
    readonly letters: number;
    /** How often which harm came. */
    readonly harms: Readonly<Record<string, number>>;
    readonly lost: number;
    readonly doubled: number;
    readonly broken: number;
    readonly quietMs: number;
  };
}

/** The figures of a siege. */
export function figuresOf(seed: number, { traffic, injected, bills, discarded, quietMs, verdict }: Seen): SeedFigures {
  const [events, postings] = [tally(traffic, "event"), tally(traffic, "posting")];
  const harms: Record<string, number> = {};
  for (const { what } of injected) harms[what] = (harms[what] ?? 0) + 1;
  return {
    seed,
    wrong: Object.entries(verdict).flatMap(([of, found]: [string, readonly string[]]) =>
      found.map((what) => `${of}: ${what}`),
    ),
    seen: {
      events: events.done + events.refused + events.unknown,
      acknowledged: events.done,
      postings: postings.done,
      billed: bills?.billed ?? 0,
      unnamed: bills?.unnamed ?? 0,
      letters: discarded,
      harms,
      lost: verdict.lost.length,
      doubled: verdict.doubled.length,
      broken: verdict.broken.length,
      quietMs: Math.round(quietMs),
    },
  };
}

/** All sieges of a run together. */
export function summed(seeds: readonly SeedFigures[], minutes: number): { figures: object; table: string } {
  const figures = { at: new Date().toISOString(), machine: machine(), minutes, seeds };
  const kinds = [...new Set(HARMS.map(({ kind }) => kind))].map((kind) => [kind, timesOf(kind, seeds)] as const);
  const missing = kinds.filter(([, times]) => times === 0).map(([kind]) => kind);
  const table = [
    rowOf([
      "seed",
      "events sent",
      "acknowledged",
      "postings",
      "chats billed",
      "faults",
      "lost",
      "doubled",
      "books",
      "quiet after",
    ]),
    rowOf(["---", ...Array.from({ length: 9 }, () => "--:")]),
    ...seeds.map(seedRow),
    totalRow(seeds),
    "",
    rowOf(["kind of fault", "times"]),
    rowOf(["---", "--:"]),
    ...kinds.map(([kind, times]) => rowOf([kind, times])),
    "",
    `${minutes} minutes of harms, ${figures.at.slice(0, 10)}, ${figures.machine}. ${total(seeds, "unnamed")} chats were billed under a name that nobody heard, and charged to nobody; ${total(seeds, "letters")} letters of poison were put away.`,
    ...(missing.length === 0 ? [] : [`Did not come up: ${missing.join(", ")}.`]),
  ];
  return { figures, table: table.join("\n") };
}

const SECTION = /<!-- sieges -->\n[^]*?<!-- end -->/;

/** The document with this table in its place. Throws where it has none. */
export function withTable(document: string, table: string): string {
  if (!SECTION.test(document))
    throw new Error("the document has no place for the table: <!-- sieges -->, <!-- end -->");
  return document.replace(SECTION, () => `<!-- sieges -->\n\n${table}\n\n<!-- end -->`);
}

type Count = "events" | "acknowledged" | "postings" | "billed" | "unnamed" | "letters" | "lost" | "doubled" | "broken";

function total(seeds: readonly SeedFigures[], what: Count): number {
  return seeds.reduce((sum, { seen }) => sum + (seen?.[what] ?? 0), 0);
}

function timesOf(kind: string, seeds: readonly SeedFigures[]): number {
  const names = HARMS.filter((harm) => harm.kind === kind).map(({ name }) => name);
  return seeds.reduce((sum, { seen }) => sum + names.reduce((times, name) => times + (seen?.harms[name] ?? 0), 0), 0);
}

function faultsIn({ seen }: SeedFigures): number {
  return Object.values(seen?.harms ?? {}).reduce((sum, times) => sum + times, 0);
}

function seedRow(figures: SeedFigures): string {
  const { seed, seen, wrong } = figures;
  if (seen === undefined) return rowOf([seed, `broke off: ${wrong.join("; ")}`]);
  const { events, acknowledged, postings, billed, lost, doubled, broken, quietMs } = seen;
  const quiet = `${(quietMs / 1000).toFixed(1)} s`;
  return rowOf([
    seed,
    events,
    acknowledged,
    postings,
    billed,
    faultsIn(figures),
    lost,
    doubled,
    booksOf(broken),
    quiet,
  ]);
}

function totalRow(seeds: readonly SeedFigures[]): string {
  const of = (what: Count) => total(seeds, what);
  const faults = seeds.reduce((sum, figures) => sum + faultsIn(figures), 0);
  const worst = `${(Math.max(...seeds.map(({ seen }) => seen?.quietMs ?? 0)) / 1000).toFixed(1)} s at worst`;
  const counts = [of("events"), of("acknowledged"), of("postings"), of("billed"), faults, of("lost"), of("doubled")];
  return rowOf(["all", ...counts, booksOf(of("broken")), worst]);
}

function booksOf(broken: number): string {
  return broken === 0 ? "balanced" : `${broken} laws broken`;
}

function rowOf(cells: readonly (string | number)[]): string {
  return `| ${cells.map((cell) => (typeof cell === "number" ? cell.toLocaleString("en") : cell)).join(" | ")} |`;
}

function machine(): string {
  const [cpu] = cpus();
  return `${cpus().length} cores of ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.version}`;
}
