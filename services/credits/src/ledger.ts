/**
 * The rules of the ledger as functions of values: no clock, no randomness, no IO. An account and a command make journal
 * lines and the account after them, or a refusal. See docs/ARCHITECTURE.md.
 */
import { Fault } from "@tollbooth/shared/fault";
import { print, ZERO } from "@tollbooth/shared/money";
import { available, balance, credit, newLot, post, type Account, type Actor, type Line, type Told } from "./account.ts";
import type { Charge, Command, Deduct, Grant } from "./command.ts";
import { applyDraws, burn, nextDue, type Draw, type Lot } from "./lots.ts";
import type { Money } from "@tollbooth/shared/money";

export interface Notice {
  readonly kind: "granted" | "overdrawn" | "low";
  readonly amount: Money;
}

export interface Decision {
  readonly account: Account;
  readonly lines: readonly Line[];
  readonly notices: readonly Notice[];
  /** Why the command did nothing. What time has done stands all the same. */
  readonly refusal?: Fault;
}

const SYSTEM: Actor = { sub: "tollbooth", role: "system" };
const NOTHING_TOLD = { key: null, reason: null, service: null, model: null, cost: null, metadata: {} };
/**
 * What a command does to an account at a moment: first all that time has done until then, each at its own time, then the
 * command. `nowMs` is never before the account's last line.
 */
export function decide(account: Account, command: Command, nowMs: number): Decision {
  const settled = settle(account, nowMs);
  if (command.kind === "settle") return { ...settled, notices: [] };
  const result = perform(settled.account, command, nowMs);
  if (result instanceof Fault) return { ...settled, notices: [], refusal: result };
  return {
    account: result.account,
    lines: [...settled.lines, ...result.lines],
    notices: [...result.notices, ...crossings(settled.account, result.account)],
  };
}

type Done = Pick<Decision, "account" | "lines" | "notices">;

function perform(account: Account, command: Grant | Deduct | Charge, nowMs: number): Done | Fault {
  if (command.kind === "grant") return grant(account, command, nowMs);
  if (command.kind === "deduct") return deduct(account, command, nowMs);
  return charge(account, command, nowMs);
}

/** What time alone does up to `nowMs`: the first grant, lots that begin, lots that end. */
function settle(account: Account, nowMs: number): { account: Account; lines: Line[] } {
  const lines: Line[] = [];
  let now = account;
  if (account.lastSeq === 0 && account.tierCredits.gt(ZERO)) {
    const opened = open(account);
    now = opened.account;
    lines.push(opened.line);
  }
  for (let due = nextDue(now.lots); due !== undefined && due.atMs <= nowMs; due = nextDue(now.lots)) {
    const step = due.what === "expires" ? expire(now, due.lot, due.atMs) : activate(now, due.lot, due.atMs);
    now = step.account;
    lines.push(step.line);
  }
  return { account: now, lines };
}

/** A user's first sight: his tier's monthly credits. */
function open(account: Account): { account: Account; line: Line } {
  const told = { ...NOTHING_TOLD, actor: SYSTEM, reason: `first period on ${account.tier}` };
  const lot = newLot(account, "monthly", account.tierCredits, account.createdAt);
  return credit({ ...account, lastLot: lot.lot }, lot, told, account.createdAt);
}

function expire(account: Account, lot: Lot, atMs: number): { account: Account; line: Line } {
  const draws = [{ lot: lot.lot, amount: lot.remaining.neg() }];
  return post(
    account,
    { ...account, lots: applyDraws(account.lots, draws) },
    "expiry",
    "expiry",
    draws,
    { ...NOTHING_TOLD, actor: SYSTEM },
    atMs,
  );
}

function activate(account: Account, lot: Lot, atMs: number): { account: Account; line: Line } {
  const without = { ...account, lots: account.lots.filter(({ lot: number }) => number !== lot.lot) };
  return credit(without, lot, { ...NOTHING_TOLD, actor: SYSTEM, reason: `lot ${lot.lot} begins` }, atMs);
}

function grant(account: Account, command: Grant, nowMs: number): Done | Fault {
  const { lotKind, amount, expiresAt, effectiveAt = nowMs } = command;
  if (expiresAt !== undefined && expiresAt <= Math.max(nowMs, effectiveAt)) {
    return new Fault("invalid_request", "expires_at must lie in the future and after effective_at", {
      errors: [{ path: "expires_at", message: "is too early" }],
    });
  }
  const lot: Lot = {
    ...newLot(account, lotKind, amount, Math.max(effectiveAt, nowMs)),
    expiresAt: expiresAt ?? null,
    ...(command.priority !== undefined && { priority: command.priority }),
  };
  const numbered = { ...account, lastLot: lot.lot, updatedAt: nowMs };
  const notices: Notice[] = [{ kind: "granted", amount }];
  if (lot.effectiveAt > nowMs) return { account: { ...numbered, lots: [...account.lots, lot] }, lines: [], notices };
  const told = {
    ...NOTHING_TOLD,
    actor: command.actor,
    key: command.key ?? null,
    reason: command.reason,
    metadata: command.metadata ?? {},
  };
  const { account: after, line } = credit(numbered, lot, told, nowMs);
  return { account: after, lines: [line], notices };
}

function deduct(account: Account, command: Deduct, nowMs: number): Done | Fault {
  const there = available(account);
  if (command.amount.gt(there)) {
    return new Fault(
      "insufficient_credits",
      `this needs ${print(command.amount)} credits, and ${print(there)} are available`,
      {
        fix: "add credits, or choose a cheaper model",
        facts: { required: print(command.amount), available: print(there) },
      },
    );
  }
  return spend(account, command, nowMs);
}

function charge(account: Account, command: Charge, nowMs: number): Done {
  const counted = { ...account, freeTierUsed: account.freeTierUsed.plus(command.freeValue), updatedAt: nowMs };
  // Free usage is counted, but it is no line: the journal holds what changed a balance.
  if (command.amount.isZero()) return { account: counted, lines: [], notices: [] };
  return spend(counted, command, nowMs);
}

/** Takes from the lots in burn order; what is not there becomes debt. */
function spend(account: Account, command: Deduct | Charge, nowMs: number): Done {
  const { lots, draws, missing } = burn(account.lots, command.amount);
  const owed: Draw[] = missing.gt(ZERO) ? [{ lot: "debt", amount: missing.neg() }] : [];
  const told: Told = {
    actor: command.actor,
    key: command.key ?? null,
    reason: null,
    service: command.service,
    model: command.model ?? null,
    cost: command.cost ?? null,
    metadata: command.metadata ?? {},
  };
  const after = { ...account, lots, debt: account.debt.plus(missing) };
  const { account: posted, line } = post(
    account,
    after,
    "usage",
    `usage:${command.service}`,
    [...draws, ...owed],
    told,
    nowMs,
  );
  return { account: posted, lines: [line], notices: [] };
}

/** Told once, when it happens: going below zero, and falling below a tenth of what the tier gives. */
function crossings(before: Account, after: Account): Notice[] {
  const notices: Notice[] = [];
  const tenth = before.tierCredits.div(10);
  if (available(before).gte(tenth) && available(after).lt(tenth))
    notices.push({ kind: "low", amount: available(after) });
  if (balance(before).gte(ZERO) && balance(after).lt(ZERO)) notices.push({ kind: "overdrawn", amount: balance(after) });
  return notices;
}
