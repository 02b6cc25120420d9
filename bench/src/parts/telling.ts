/** How a bench tells what it found: as a table for people, or as JSON with that table and the machine it was found on. */
import { cpus, loadavg, release, totalmem } from "node:os";
import Table from "cli-table3";
import type { Command } from "commander";

/** A table whose first column is words and whose others are numbers. */
export interface Told {
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  /** What has to be said beside it. */
  readonly says: string;
}

export interface Findings {
  readonly bench: string;
  readonly at: string;
  readonly machine: Machine;
  /** What it was asked for. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly figures: unknown;
  readonly told: Told;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  /** Of the minute before the end: the bench's own share is in it. */
  readonly load: number;
}

/** A command with what every bench takes. */
export function withJson(command: Command): Command {
  return command.option("--json", "for programs");
}

/** Prints what was found, in the way that was asked for. */
export function tell(command: Command, figures: unknown, told: Told): void {
  const { json, ...options } = command.opts<{ json?: true }>();
  const bench = command.name().replace("npm run bench -- ", "");
  const at = new Date().toISOString();
  const findings: Findings = { bench, at, machine: thisMachine(), options, figures, told };
  console.log(json ? JSON.stringify(findings, undefined, 2) : `${tableOf(told)}\n${told.says}`);
}

function tableOf({ head, rows }: Told): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [] },
    colAligns: head.map((_, i) => (i === 0 ? "left" : "right")),
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}

function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${process.platform} ${release()}`,
    node: process.version,
    load: Number((loadavg()[0] ?? NaN).toFixed(2)),
  };
}
