/**
 * Worked examples in docs/LEDGER.md: a block tells what happens at which time, each followed by what the ledger does, with
 * every number. An example is played through `decide`, and told again in the same words.
 */
import { decimal, ZERO, type Money } from "@tollbooth/shared/money";
import { available, balance, type Account, type Line, type PeriodCharge } from "../account.ts";
import type { Command } from "../command.ts";
import { decide, type Decision } from "../ledger.ts";
import type { Draw } from "../lots.ts";
import { periodEnd } from "../period.ts";
import {
  charge,
  correct,
  deduct,
  discount,
  fresh,
  grant,
  hold,
  refund,
  release,
  reset,
  settle,
  switchTo,
  TIERS,
} from "./commands.ts";

const BLOCK = /```ledger\n(?<block>.*?)\n```/gs;
const HAPPENING = /^(?<at>\d{4}-\d\d-\d\d \d\d:\d\d) {2}(?<deed>.+)$/;
const DETAIL = "    ";

/** The example blocks of a document. */
export function examplesOf(document: string): string[] {
  return [...document.matchAll(BLOCK)].map(({ groups }) => groups?.["block"] ?? "");
}

/** Plays what happens in an example, and tells it with what the ledger does. */
export function retell(example: string): string {
  let account: Account | undefined;
  return example
    .split("\n")
    .filter((text) => !text.startsWith(DETAIL))
    .map((text) => {
      const { at = "", deed = "" } = HAPPENING.exec(text)?.groups ?? {};
      const nowMs = Date.parse(`${at}:00Z`);
      const decision = decide(account ?? opened(deed, nowMs), commandOf(deed), nowMs);
      account = citable(decision);
      return [text, ...tell(decision, at).map((detail) => DETAIL + detail)].join("\n");
    })
    .join("\n");
}

function opened(deed: string, atMs: number): Account {
  const tier = tierOf(/^is seen first, on (\w+)$/.exec(deed)?.[1]);
  const times = { anchorAt: atMs, periodStart: atMs, createdAt: atMs, updatedAt: atMs };
  return { ...fresh(tier), ...times, resetAt: periodEnd(atMs, 0) };
}

function tierOf(name: string | undefined) {
  const tier = Object.values(TIERS).find((each) => each.tier === name);
  if (tier === undefined) throw new Error(`an example names no tier: ${name}`);
  return tier;
}

/** Lines can be refunded by their numbers. */
function citable({ account, lines }: Decision): Account {
  const cited = lines.map((line) => ({ ...line, id: `line-${line.seq}`, refunded: ZERO, givenBack: [] }));
  return { ...account, cited: [...account.cited, ...cited] };
}

const instant = (text: string) => Date.parse(`${text}T00:00:00Z`);

/** The words of the examples. */
const WORDS: readonly (readonly [pattern: RegExp, command: (...parts: string[]) => Command])[] = [
  [/^is seen first, on \w+$/, () => settle],
  [/^is looked at$/, () => settle],
  [/^buys (\S+)$/, (amount) => grant(amount)],
  [
    /^is given a bonus of (\S+) until (\S+)$/,
    (amount, until) => grant(amount, { lotKind: "bonus", expiresAt: instant(until) }),
  ],
  [/^has (\S+) deducted$/, (amount) => deduct(amount)],
  [/^is charged (\S+)$/, (amount) => charge(amount)],
  [/^is charged (\S+) for (\w+)$/, (amount, holdId) => charge(amount, { holdId })],
  [/^holds (\S+) as (\w+) for (\d+) days?$/, (amount, holdId, days) => hold(holdId, amount, Number(days))],
  [/^releases (\w+)$/, (holdId) => release(holdId)],
  [/^is refunded (\S+)$/, (amount) => refund(amount)],
  [/^is refunded (\S+) of line (\d+)$/, (amount, line) => refund(amount, Number(line))],
  [/^is corrected by -(\S+)$/, (amount) => correct(amount)],
  [/^gets (\d+) percent off$/, (percent) => discount("percentage", percent)],
  [/^switches to (\w+)$/, (tier) => switchTo(tierOf(tier))],
  [/^is reset by hand$/, () => reset()],
];

function commandOf(deed: string): Command {
  for (const [pattern, command] of WORDS) {
    const found = pattern.exec(deed);
    if (found !== null) return command(...found.slice(1));
  }
  throw new Error(`an example says what nobody understands: ${deed}`);
}

function tell({ account, lines, charges, refusal }: Decision, at: string): string[] {
  const { required, available: there } = refusal?.more.facts ?? {};
  return [
    ...charges.map((due) => tellCharge(due, at)),
    ...lines.map((line) => tellLine(line, at)),
    ...(refusal === undefined
      ? []
      : [`refused: ${refusal.code}${required === undefined ? "" : `, ${short(required)} of ${short(there)}`}`]),
    tellAccount(account),
  ];
}

/** What time did since the command before says when. */
function dated(atMs: number, at: string): string {
  const text = new Date(atMs).toISOString().slice(0, 16).replace("T", " ");
  return text === at ? "" : ` on ${text}`;
}

function tellCharge({ why, tier, price, due, at: atMs }: PeriodCharge, at: string): string {
  const of = due.eq(price) ? "" : ` of ${price.toFixed()}`;
  return `due ${due.toFixed()}${of} for ${tier} (${why})${dated(atMs, at)}`;
}

function tellLine({ seq, type, amount, draws, createdAt }: Line, at: string): string {
  return `line ${seq}: ${type} ${signed(amount)}${dated(createdAt, at)} = ${draws.map(tellDraw).join(", ")}`;
}

function tellDraw({ lot, amount }: Draw): string {
  return `${lot === "debt" ? "debt" : `lot ${lot}`} ${signed(amount)}`;
}

function tellAccount(account: Account): string {
  const { held, debt, lots } = account;
  const sums = [
    `balance ${balance(account).toFixed()}`,
    ...(held.isZero() ? [] : [`held ${held.toFixed()}`, `available ${available(account).toFixed()}`]),
    ...(debt.isZero() ? [] : [`debt ${debt.toFixed()}`]),
  ];
  const parts = lots
    .filter((lot) => !lot.remaining.isZero() || !lot.held.isZero())
    .toSorted((a, b) => a.lot - b.lot)
    .map(
      (lot) =>
        `lot ${lot.lot} has ${lot.remaining.toFixed()}${lot.held.isZero() ? "" : ` (and ${lot.held.toFixed()} held)`}`,
    );
  return `${sums.join(", ")}: ${parts.length === 0 ? "no lots" : parts.join(", ")}`;
}

function signed(amount: Money): string {
  return amount.gt(ZERO) ? `+${amount.toFixed()}` : amount.toFixed();
}

function short(text: string | number | undefined): string {
  return decimal(String(text)).toFixed();
}
