/** What the audit says of a platform, for tests that hurt its books. */
import type { Finding } from "../../tools/src/books.ts";
import type { Repair } from "../../tools/src/repair.ts";
import { tool } from "./tool.ts";

/** What `npm run audit` found. */
export interface Audited {
  readonly code: number;
  /** The numbers of the invariants that do not hold. */
  readonly broken: readonly number[];
  readonly findings: readonly Finding[];
  readonly repairs: readonly Repair[];
  readonly text: string;
}

/** Audits the platform in a folder. Throws what is told where it cannot be. */
export async function audited(home: string, ...args: string[]): Promise<Audited> {
  const { code, out, err } = await tool(home, "audit", "--json", ...args);
  if (out === "") throw new Error(err);
  const told = JSON.parse(out) as Finding[] | { repairs: Repair[]; findings: Finding[] };
  const { repairs, findings } = Array.isArray(told) ? { repairs: [], findings: told } : told;
  return { code, broken: brokenIn(findings), findings, repairs, text: out };
}

/** The numbers of the invariants that do not hold; where a text is given, of those that name it where they do not. */
export function brokenIn(findings: readonly Finding[], named = ""): number[] {
  const broken = findings.filter(({ breaches }) => breaches.some((breach) => breach.includes(named)));
  return [...new Set(broken.map(({ invariant }) => invariant))];
}
