/** What the demo prints: statements, totals and the audit's verdict, aligned. Pure. */
import Table from "cli-table3";
import { print, sum, ZERO, type Money } from "@tollbooth/shared/money";
import type { Finding } from "../books.ts";
import type { Line, Statement } from "./statement.ts";

const MODELS_SHOWN = 3;

/** Two spaces between columns, and no rules. */
export const PLAIN = {
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
  const all = allOf(statements);
  const table = new Table({
    ...PLAIN,
    head: ["user", "service and model", "events", "tokens", "of it markup", "credits"],
    colAligns: ["left", "left", "right", "right", "right", "right"],
  });
  for (const statement of statements) table.push(...block(statement, MODELS_SHOWN).map((row) => [...row]));
  table.push(...block(all, Infinity).map((row) => [...row]));
  return trimmed(table);
}

/** All users as if they were one. */
function allOf(statements: readonly Statement[]): Account {
  const sumOf = (amount: Exclude<keyof Account, "userId" | "lines">) => sum(statements.map((each) => each[amount]));
  return {
    userId: `all ${statements.length}`,
    granted: sumOf("granted"),
    byTier: sumOf("byTier"),
    bought: sumOf("bought"),
    given: sumOf("given"),
    lines: statements.flatMap(({ lines }) => lines),
    charged: sumOf("charged"),
    markup: sumOf("markup"),
    ownKey: sumOf("ownKey"),
    freeValue: sumOf("freeValue"),
    balance: sumOf("balance"),
    debt: sumOf("debt"),
  };
}

type Account = Omit<Statement, "tier" | "lastChargeMs">;

function block(account: Account, shown: number): Row[] {
  const of = (kind: Kind) => account.lines.filter((line) => kindOf(line) === kind);
  const paid = together(of("paid"));
  const free = summed(of("free"));
  const managed = summed(of("managed"));
  const ownKey = summed(of("own key"));
  const others = paid.slice(shown);
  return [
    [account.userId, grantedText(account), "", "", "", amountText(account.granted)],
    ...paid.slice(0, shown).map((line) => lineRow(nameOf(line), line)),
    ...(others.length > 0
      ? [lineRow(others.length === 1 ? "1 other" : `${others.length} others`, summed(others))]
      : []),
    ...(free.events > 0 ? [lineRow(`free models, worth ${account.freeValue.toFixed()}`, free)] : []),
    ...(managed.events > 0 ? [lineRow("by the platform's key", managed)] : []),
    ...(ownKey.events > 0 ? [lineRow(`by own key, worth ${account.ownKey.toFixed()}`, ownKey)] : []),
    ["", balanceText(account), "", "", amountText(account.markup), amountText(account.balance)],
    ["", "", "", "", "", ""],
  ];
}

function grantedText({ byTier, bought, given }: Account): string {
  const parts = [
    [byTier, "by tier"],
    [bought, "bought"],
    [given, "given"],
  ] as const;
  const there = parts.filter(([amount]) => !amount.isZero()).map(([amount, how]) => `${amount.toFixed()} ${how}`);
  return `granted: ${there.join(", ")}`;
}

function balanceText({ debt, balance }: Account): string {
  if (debt.isZero()) return "= balance";
  return balance.eq(debt.negated()) ? `= balance: a debt` : `= balances, among them debts of ${debt.toFixed()}`;
}

function nameOf({ service, model }: Pick<Line, "service" | "model">): string {
  return model === null ? service : `${service} ${model}`;
}

function lineRow(what: string, { events, tokens, markup, charged }: Sums): Row {
  return ["", what, whole(events), whole(tokens), amountText(markup), amountText(charged.negated())];
}

/** To the last digit, so that columns can be added up. */
function amountText(amount: Money): string {
  return amount.isZero() ? "0" : print(amount);
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

type Kind = "paid" | "managed" | "free" | "own key";

function kindOf({ events, freeEvents, charged, isManaged, ownKey }: Line): Kind {
  if (freeEvents === events) return "free";
  if (isManaged) return "managed";
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
  return trimmed(table);
}

/** A table as text, without the blanks at the ends of its lines. */
export function trimmed(table: Table.Table): string {
  const lines = table.toString().split("\n");
  return lines.map((line) => line.trimEnd()).join("\n");
}

/** A count for people: 22,361,870. */
export function whole(count: number): string {
  return count.toLocaleString("en-US");
}
