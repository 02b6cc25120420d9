/** What the demo prints: statements, totals and the audit's verdict, aligned. Pure. */
import Table from "cli-table3";
import { print, sum, ZERO } from "@tollbooth/shared/money";
import type { Finding } from "../books.ts";
import type { Line, Statement } from "./statement.ts";

const MODELS_SHOWN = 3;

/** Two spaces between columns, and no rules. */
const PLAIN = {
  chars: {
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
    left: "",
    "left-mid": "",
    mid: "",
    "mid-mid": "",
    right: "",
    "right-mid": "",
    middle: "  ",
  },
  style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
};

type Row = readonly [who: string, what: string, events: string, tokens: string, markup: string, credits: string];

/** Each user's account: what was granted, what was used of what, what is left; every block adds up. */
export function statementsTable(statements: readonly Statement[]): string {
  const all = {
    userId: `all ${statements.length}`,
    granted: sum(statements.map(({ granted }) => granted)),
    lines: statements.flatMap(({ lines }) => lines),
    charged: sum(statements.map(({ charged }) => charged)),
    markup: sum(statements.map(({ markup }) => markup)),
    ownKey: sum(statements.map(({ ownKey }) => ownKey)),
    freeValue: sum(statements.map(({ freeValue }) => freeValue)),
    balance: sum(statements.map(({ balance }) => balance)),
    debt: sum(statements.map(({ debt }) => debt)),
  };
  const table = new Table({
    ...PLAIN,
    head: ["user", "service and model", "events", "tokens", "of it markup", "credits"],
    colAligns: ["left", "left", "right", "right", "right", "right"],
  });
  for (const statement of statements) table.push(...block(statement, MODELS_SHOWN).map((row) => [...row]));
  table.push(...block(all, Infinity).map((row) => [...row]));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

type Account = Omit<Statement, "tier" | "lastChargeMs"> & { readonly tier?: string };

function block(account: Account, shown: number): Row[] {
  const of = (kind: Kind) => account.lines.filter((line) => kindOf(line) === kind);
  const paid = together(of("paid"));
  const free = summed(of("free"));
  const ownKey = summed(of("own key"));
  const others = paid.slice(shown);
  const granted = account.tier === undefined ? "granted" : `granted (tier ${account.tier} and credits bought or given)`;
  return [
    [account.userId, granted, "", "", "", print(account.granted)],
    ...paid.slice(0, shown).map((line) => lineRow(nameOf(line), line)),
    ...(others.length > 0 ? [lineRow(`${others.length} others`, summed(others))] : []),
    ...(free.events > 0 ? [lineRow(`free models, worth ${account.freeValue.toFixed()}`, free)] : []),
    ...(ownKey.events > 0 ? [lineRow(`by own key, worth ${account.ownKey.toFixed()}`, ownKey)] : []),
    ["", balanceText(account), "", "", print(account.markup), print(account.balance)],
    ["", "", "", "", "", ""],
  ];
}

function balanceText({ debt, balance }: Account): string {
  if (debt.isZero()) return "= balance";
  return balance.eq(debt.negated()) ? `= balance: a debt` : `= balances, among them debts of ${debt.toFixed()}`;
}

function nameOf({ service, model }: Pick<Line, "service" | "model">): string {
  return model === null ? service : `${service} ${model}`;
}

function lineRow(what: string, { events, tokens, markup, charged }: Sums): Row {
  return ["", what, whole(events), whole(tokens), print(markup), charged.isZero() ? "0" : `-${print(charged)}`];
}

type Sums = Pick<Line, "events" | "tokens" | "markup" | "charged">;

function summed(lines: readonly Sums[]): Sums {
  return {
    events: lines.reduce((count, line) => count + line.events, 0),
    tokens: lines.reduce((count, line) => count + line.tokens, 0),
    markup: sum(lines.map(({ markup }) => markup)),
    charged: sum(lines.map(({ charged }) => charged)),
  };
}

type Kind = "paid" | "free" | "own key";

function kindOf({ events, freeEvents, charged, ownKey }: Line): Kind {
  if (freeEvents === events) return "free";
  return charged.isZero() && ownKey.gt(ZERO) ? "own key" : "paid";
}

/** Lines of one model as one, dearest first. */
function together(lines: readonly Line[]): (Sums & Pick<Line, "service" | "model">)[] {
  const groups = new Map<string, Line[]>();
  for (const line of lines) groups.set(nameOf(line), [...(groups.get(nameOf(line)) ?? []), line]);
  return [...groups.values()]
    .map((group) => ({ ...(group[0] as Line), ...summed(group) }))
    .toSorted((a, b) => b.charged.cmp(a.charged));
}

/** The audit's verdict: one line a law. */
export function verdictTable(findings: readonly Finding[]): string {
  const table = new Table({ ...PLAIN });
  for (const { breaches, of, says } of findings)
    table.push([breaches.length === 0 ? "  ok    " : "  BROKEN", of, says]);
  return table.toString();
}

/** A count for people: 22,361,870. */
export function whole(count: number): string {
  return count.toLocaleString("en-US");
}
