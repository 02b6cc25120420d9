/**
 * The rules of the ledger as one function of values: no clock, no randomness, no IO. An account and a command make journal
 * lines and the account after them, or a refusal. See docs/LEDGER.md.
 */
import { Fault } from "@tollbooth/shared/fault";
import { print, ZERO, type Money } from "@tollbooth/shared/money";
import {
  available,
  balance,
  credit,
  newLot,
  NOTHING_TOLD,
  spend,
  type Account,
  type Draft,
  type Line,
  type PeriodCharge,
  type Told,
} from "./account.ts";
import type {
  CaptureHold,
  Charge,
  Command,
  Correct,
  Deduct,
  Grant,
  Refund,
  ReleaseHold,
  Reset,
  Settle,
  Switch,
} from "./command.ts";
import { capture, createHold, ended, find, releaseHold } from "./hold.ts";
import { refund } from "./refund.ts";
import { afterReturn, chargePeriod, renewMonthly, settle } from "./time.ts";

export interface Notice {
  readonly kind: "granted" | "overdrawn" | "low";
  readonly amount: Money;
}

export interface Decision {
  readonly account: Account;
  readonly lines: readonly Line[];
  readonly charges: readonly PeriodCharge[];
  readonly notices: readonly Notice[];
  /** What a switch of tiers costs now, after discounts. */
  readonly amountDue?: Money;
  /** Why the command did nothing. What time has done stands all the same. */
  readonly refusal?: Fault;
}

/**
 * What a command does to an account at a moment: first all that time has done until then, each at its own time, then the
 * command. `nowMs` is never before the account's last line.
 */
export function decide(account: Account, command: Command, nowMs: number): Decision {
  const draft: Draft = { account, lines: [], charges: [] };
  settle(draft, nowMs);
  const before = draft.account;
  if (command.kind === "settle") return { ...draft, notices: [] };
  const done = perform(draft, command, nowMs);
  if (done instanceof Fault) return { ...draft, notices: [], refusal: done };
  const granted: Notice[] = command.kind === "grant" ? [{ kind: "granted", amount: command.amount }] : [];
  return { ...draft, ...done, notices: [...granted, ...crossings(before, draft.account)] };
}

type Done = Fault | Pick<Decision, "amountDue"> | undefined;

function perform(draft: Draft, command: Exclude<Command, Settle>, nowMs: number): Done {
  switch (command.kind) {
    case "grant":
      return grant(draft, command, nowMs);
    case "deduct":
      return deduct(draft, command, nowMs);
    case "charge":
      return charge(draft, command, nowMs);
    case "capture":
      return captureOnce(draft, command, nowMs);
    case "correct":
      spend(draft, "adjustment", "correction", command.amount, told(command), nowMs);
      return undefined;
    case "hold":
      return createHold(draft, command.holdId, command.amount, command.ttlMs, nowMs);
    case "release":
      return release(draft, command, nowMs);
    case "refund":
      return refund(draft, command, told(command), nowMs);
    case "switch":
      return switchTier(draft, command, nowMs);
    case "reset":
      return reset(draft, command, nowMs);
    case "discount":
      draft.account = { ...draft.account, discounts: [...draft.account.discounts, command.discount], updatedAt: nowMs };
      return undefined;
    default:
      return command satisfies never;
  }
}

function grant(draft: Draft, command: Grant, nowMs: number): Fault | undefined {
  const { lotKind, amount, expiresAt, effectiveAt = nowMs, priority } = command;
  if (expiresAt !== undefined && expiresAt <= Math.max(nowMs, effectiveAt)) {
    return new Fault("invalid_request", "expires_at must lie in the future and after effective_at", {
      errors: [{ path: "expires_at", message: "is too early" }],
    });
  }
  const { account } = draft;
  const lot = {
    ...newLot(account, lotKind, amount, Math.max(effectiveAt, nowMs)),
    expiresAt: expiresAt ?? null,
    ...(priority !== undefined && { priority }),
  };
  if (lot.effectiveAt > nowMs) {
    // It counts, and has its line, when it begins.
    draft.account = { ...account, lots: [...account.lots, lot], lastLot: lot.lot, updatedAt: nowMs };
    return undefined;
  }
  credit(draft, lotKind === "purchase" ? "allocation" : lotKind, lot, told(command), nowMs);
  return undefined;
}

function deduct(draft: Draft, command: Deduct, nowMs: number): Fault | undefined {
  const there = available(draft.account);
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
  spend(draft, "usage", `usage:${command.service}`, command.amount, told(command), nowMs);
  return undefined;
}

/** What was served is owed: never refused. Free usage is counted, and is no line. */
function charge(draft: Draft, command: Charge, nowMs: number): undefined {
  const { amount, freeValue, service, holdId } = command;
  draft.account = { ...draft.account, freeTierUsed: draft.account.freeTierUsed.plus(freeValue), updatedAt: nowMs };
  if (holdId === undefined) {
    spend(draft, "usage", `usage:${service}`, amount, told(command), nowMs);
  } else {
    capture(draft, holdId, amount, `usage:${service}`, told(command), nowMs);
    afterReturn(draft, holdId, nowMs);
  }
  return undefined;
}

/** At most one of capture and charge per request: a hold that an event has settled is not captured again. */
function captureOnce(draft: Draft, command: CaptureHold, nowMs: number): Fault | undefined {
  const hold = find(draft.account, command.holdId);
  if (hold !== undefined && (hold.state === "captured" || hold.capturedLine !== null)) return ended(hold);
  return charge(draft, { ...command, kind: "charge", freeValue: ZERO }, nowMs);
}

function release(draft: Draft, { holdId }: ReleaseHold, nowMs: number): Fault | undefined {
  const refusal = releaseHold(draft, holdId, nowMs);
  if (refusal === undefined) afterReturn(draft, holdId, nowMs);
  return refusal;
}

/** Up acts now and grants what the new tier gives beyond what the period granted already; down waits for the next reset. */
function switchTier(draft: Draft, command: Switch, nowMs: number): Fault | Pick<Decision, "amountDue"> {
  const { tier } = command;
  const { account } = draft;
  if (tier.tier !== account.tier.tier && tier.adminOnly && command.actor.role !== "admin") {
    return new Fault("forbidden", `only an admin may switch somebody to ${tier.tier}`);
  }
  const isDown = tier.price.lt(account.tier.price);
  draft.account = { ...account, pendingTier: isDown ? tier : null, updatedAt: nowMs };
  if (isDown || tier.tier === account.tier.tier) return { amountDue: ZERO };
  return { amountDue: upgrade(draft, command, tier, nowMs) };
}

function upgrade(draft: Draft, command: Switch | Reset, tier: Switch["tier"], nowMs: number): Money {
  const { periodPrice, periodGranted } = draft.account;
  draft.account = { ...draft.account, tier };
  const price = more(tier.price, periodPrice);
  const due = price.isZero() ? ZERO : chargePeriod(draft, "switch", price, nowMs).due;
  const granted = more(tier.credits, periodGranted);
  if (!granted.isZero()) {
    const words = { ...told(command), reason: `switched to ${tier.tier}` };
    credit(draft, "allocation", newLot(draft.account, "monthly", granted, nowMs), words, nowMs);
  }
  draft.account = {
    ...draft.account,
    periodPrice: periodPrice.plus(price),
    periodGranted: periodGranted.plus(granted),
  };
  return due;
}

/** Grants the period's credits anew, by hand: once a period, and without moving its ends. */
function reset(draft: Draft, command: Reset, nowMs: number): undefined {
  const { account } = draft;
  if (account.resetByHand === account.period) return undefined;
  const tier = command.tier ?? account.tier;
  const price = more(tier.price, account.periodPrice);
  draft.account = {
    ...account,
    tier,
    pendingTier: null,
    resetByHand: account.period,
    periodGranted: tier.credits,
    periodPrice: account.periodPrice.plus(price),
    freeTierUsed: ZERO,
    updatedAt: nowMs,
  };
  if (!price.isZero()) chargePeriod(draft, "by_hand", price, nowMs);
  renewMonthly(draft, tier, `reset by ${command.actor.sub}`, nowMs);
  return undefined;
}

function told(command: Grant | Deduct | Charge | Correct | Refund | Switch | Reset): Told {
  return {
    ...NOTHING_TOLD,
    actor: command.actor,
    key: command.key ?? null,
    metadata: command.metadata ?? {},
    ...("reason" in command && { reason: command.reason }),
    ...("service" in command && { service: command.service, model: command.model ?? null, cost: command.cost ?? null }),
  };
}

function more(wanted: Money, there: Money): Money {
  return wanted.gt(there) ? wanted.minus(there) : ZERO;
}

/** Told once, when it happens: going below zero, and falling below a tenth of what the tier gives. */
function crossings(before: Account, after: Account): Notice[] {
  const left = available(after);
  // Who has more than that is far from both, and most people are.
  if (left.gt(before.tier.credits)) return [];
  const notices: Notice[] = [];
  const tenth = before.tier.credits.div(10);
  if (available(before).gte(tenth) && left.lt(tenth)) notices.push({ kind: "low", amount: left });
  if (balance(before).gte(ZERO) && balance(after).lt(ZERO)) notices.push({ kind: "overdrawn", amount: balance(after) });
  return notices;
}
