/**
 * Cases that others publish, played against this ledger. Whether a case is offered is decided by its family and its fields,
 * never by its name; what is not offered says why.
 */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { decimal, type Money } from "@tollbooth/shared/money";

const FILE = new URL("../../../../../shared/data/burndown_cases.json", import.meta.url);

/** What the ledger answers otherwise than the case expects, one text each. None: it passed. */
export type Differences = readonly string[];

type Offer = { readonly play: () => Differences | Promise<Differences> } | { readonly reason: string };

/** How the cases of a family are read and played. */
export type Family = (raw: unknown) => Offer;

/** What every case has. */
export const CASE = {
  id: z.string(),
  family: z.string(),
  title: z.string(),
  source: z.unknown().optional(),
  note: z.string().optional(),
};

/** An amount, of either sign. */
export const CaseAmount = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/)
  .transform((text) => decimal(text));

/** A family whose cases have this shape, with no field beyond it, and are offered unless `refuse` says why not. */
export function family<S extends z.ZodType>(
  shape: S,
  play: (each: z.output<S>) => Differences | Promise<Differences>,
  refuse: (each: z.output<S>) => string | undefined = () => undefined,
): Family {
  return (raw) => {
    const read = shape.safeParse(raw);
    if (!read.success) return { reason: unknown(read.error) };
    const reason = refuse(read.data);
    return reason === undefined ? { play: () => play(read.data) } : { reason };
  };
}

/** A family that this ledger has no rules for. */
export function foreign(reason: string): Family {
  return () => ({ reason });
}

function unknown(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue?.code === "invalid_union") return "unknown: fields";
  const path = issue?.path.filter((part) => typeof part === "string").join(".") ?? "";
  const what = issue?.code === "unrecognized_keys" ? [path, ...issue.keys].filter(Boolean).join(".") : path;
  return `unknown: field ${what}`;
}

const Named = z.looseObject({ id: z.string(), family: z.string(), title: z.string() });
export type Case = z.output<typeof Named>;

/** The cases beside this checkout; undefined, and told, where there are none. */
export function readCases(): readonly Case[] | undefined {
  if (existsSync(FILE)) return z.object({ cases: z.array(Named) }).parse(JSON.parse(readFileSync(FILE, "utf8"))).cases;
  console.log("burn-down cases: skipped, there is no shared/data/burndown_cases.json beside this checkout");
  return undefined;
}

/** What became of the cases of a family. */
interface Row {
  offered: number;
  passed: number;
  readonly reasons: string[];
}

export interface Outcome {
  readonly table: string;
  readonly wrong: readonly string[];
  readonly offered: ReadonlySet<string>;
}

/** Plays all cases that are offered. The table tells of every family how many were offered, passed and not offered, and why. */
export async function playAll(cases: readonly Case[], families: Readonly<Record<string, Family>>): Promise<Outcome> {
  const rows = new Map<string, Row>();
  const wrong: string[] = [];
  for (const each of cases) {
    const row = rows.get(each.family) ?? { offered: 0, passed: 0, reasons: [] };
    rows.set(each.family, row);
    const offer: Offer = families[each.family]?.(each) ?? { reason: "unknown: family" };
    if ("reason" in offer) {
      row.reasons.push(offer.reason);
      continue;
    }
    row.offered++;
    const differences = await offer.play();
    if (differences.length === 0) row.passed++;
    wrong.push(...differences.map((difference) => `${each.id} (${each.title}): ${difference}`));
  }
  const offered = new Set([...rows].filter(([, row]) => row.offered > 0).map(([name]) => name));
  return { table: tableOf(rows), wrong, offered };
}

function tableOf(rows: ReadonlyMap<string, Row>): string {
  const total = (of: (row: Row) => number) => [...rows.values()].reduce((all, row) => all + of(row), 0);
  return [
    lineOf("family", ["offered", "passed", "not offered"]),
    ...[...rows].map(([name, { offered, passed, reasons }]) =>
      lineOf(name, [offered, passed, reasons.length], counted(reasons)),
    ),
    lineOf("together", [total((row) => row.offered), total((row) => row.passed), total((row) => row.reasons.length)]),
  ].join("\n");
}

function lineOf(name: string, cells: readonly (number | string)[], reasons = ""): string {
  return `${name.padEnd(17)}${cells.map((cell) => String(cell).padStart(13)).join("")}  ${reasons}`.trimEnd();
}

function counted(reasons: readonly string[]): string {
  return [...new Set(reasons)]
    .map((reason) => `${reasons.filter((other) => other === reason).length} ${reason}`)
    .join("; ");
}

/** Tells how a number differs from what is expected, if something is. */
export function differs(what: string, got: Money, expected: Money | undefined): Differences {
  return expected === undefined || got.eq(expected)
    ? []
    : [`${what} is ${got.toFixed()}, expected ${expected.toFixed()}`];
}
