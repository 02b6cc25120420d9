/** A user's account as a value, what is posted to it on the way from one state to the next, and the movements of credits. Pure. */
import type { z } from "zod";
import type { TransactionType as TransactionTypeSchema } from "@tollbooth/shared/contracts/credits";
import { least, sum, ZERO, type Money } from "@tollbooth/shared/money";
import type { Hold } from "./hold.ts";
import { DEFAULT_PRIORITY, draw, move, ofDebt, taken, worth, type Draw, type Lot, type LotKind } from "./lots.ts";
import type { Discount, Tier } from "./period.ts";

export interface Account {
  readonly userId: string;
  readonly tier: Tier;
  /** The cheaper tier that the next reset brings. */
  readonly pendingTier: Tier | null;
  /** Lots with something left or held, and those that a command of the batch may give back to. */
  readonly lots: readonly Lot[];
  /** Active holds, and ended ones that a command of the batch names. */
  readonly holds: readonly Hold[];
  /** Lines that a refund of the batch names. */
  readonly cited: readonly CitedLine[];
  /** Discounts that were not used yet. */
  readonly discounts: readonly Discount[];
  readonly held: Money;
  readonly debt: Money;
  /** How far holds may go below nothing. */
  readonly overdraftLimit: Money;
  readonly freeTierUsed: Money;
  readonly lastSeq: number;
  readonly lastLot: number;
  readonly lastCharge: number;
  /** Milliseconds since 1970, like all times here. Ends of periods are counted from it. */
  readonly anchorAt: number;
  /** Counts from 0. */
  readonly period: number;
  readonly periodStart: number;
  readonly resetAt: number;
  /** What tiers granted in this period. */
  readonly periodGranted: Money;
  /** The price that this period is paid up to, before discounts. */
  readonly periodPrice: Money;
  /** The period in which a reset was made by hand, if there was one. */
  readonly resetByHand: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A line that is given back: what it took, and what refunds gave back of it so far. */
export interface CitedLine {
  readonly id: string;
  readonly seq: number;
  readonly type: TransactionType;
  readonly amount: Money;
  readonly draws: readonly Draw[];
  readonly refunded: Money;
  /** By lot; positive. */
  readonly givenBack: readonly Draw[];
}

export interface Actor {
  readonly sub: string;
  readonly role: string;
}

export interface CostBreakdown {
  readonly providerCost: Money;
  readonly markup: Money;
}

export type TransactionType = z.output<typeof TransactionTypeSchema>;

/** What a line says besides numbers. */
export interface Told {
  readonly actor: Actor;
  readonly key: string | null;
  readonly reason: string | null;
  readonly service: string | null;
  readonly model: string | null;
  readonly cost: CostBreakdown | null;
  readonly holdId: string | null;
  /** The line that this one gives back. */
  readonly refunds: number | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** One line of a user's journal. */
export interface Line extends Told {
  readonly seq: number;
  readonly type: TransactionType;
  readonly amount: Money;
  readonly balanceAfter: Money;
  readonly counterparty: string;
  readonly draws: readonly Draw[];
  readonly createdAt: number;
}

/** A price that became due: Tollbooth states it, a payment system collects it. */
export interface PeriodCharge {
  /** Counts per user from 1. */
  readonly number: number;
  readonly why: "period" | "switch" | "by_hand";
  readonly tier: string;
  readonly periodStart: number;
  /** Before discounts. */
  readonly price: Money;
  readonly due: Money;
  readonly used: readonly Discount[];
  readonly at: number;
}

/** An account on its way from one state to the next, and what was posted so far. */
export interface Draft {
  account: Account;
  readonly lines: Line[];
  readonly charges: PeriodCharge[];
}

export const SYSTEM: Actor = { sub: "tollbooth", role: "system" };

/** A line that only the platform has something to say of. */
export const NOTHING_TOLD: Told = {
  actor: SYSTEM,
  key: null,
  reason: null,
  service: null,
  model: null,
  cost: null,
  holdId: null,
  refunds: null,
  metadata: {},
};

/** Live lots + held - debt. */
export function balance(account: Account): Money {
  return account.held.isZero() ? available(account) : available(account).plus(account.held);
}

/** Live lots - debt: what may be spent. */
export function available(account: Account): Money {
  // Most owe nothing and have nothing on hold, and this is asked several times a command.
  return account.debt.isZero() ? worth(account.lots) : worth(account.lots).minus(account.debt);
}

/** A lot that does not count yet. */
export function newLot(account: Account, kind: LotKind, amount: Money, effectiveAt: number): Lot {
  return {
    lot: account.lastLot + 1,
    kind,
    granted: amount,
    remaining: amount,
    held: ZERO,
    priority: DEFAULT_PRIORITY[kind],
    active: false,
    rolled: false,
    effectiveAt,
    expiresAt: null,
  };
}

/** Credits come in: they pay what is owed first; the rest is the lot. Nothing at all posts nothing. */
export function credit(draft: Draft, type: TransactionType, lot: Lot, told: Told, atMs: number): void {
  const { account } = draft;
  const numbered = { ...account, lastLot: Math.max(account.lastLot, lot.lot) };
  const paid = least(account.debt, lot.granted);
  const rest = lot.granted.minus(paid);
  const others = account.lots.filter((other) => other.lot !== lot.lot);
  const lots = rest.gt(ZERO) ? [...others, { ...lot, granted: rest, remaining: rest, active: true }] : others;
  const draws: Draw[] = [
    { lot: "debt", amount: paid },
    { lot: lot.lot, amount: rest },
  ];
  post(draft, { ...numbered, lots, debt: account.debt.minus(paid) }, type, "issuance", draws, told, atMs);
}

/** Credits go out, from the lots in burn order; what is not there becomes debt. */
export function spend(
  draft: Draft,
  type: TransactionType,
  counterparty: string,
  amount: Money,
  told: Told,
  atMs: number,
): void {
  const parts = draw(draft.account.lots, amount);
  post(draft, drawn(draft.account, parts), type, counterparty, taken(parts), told, atMs);
}

/** The account after parts were taken from it. */
export function drawn(account: Account, parts: readonly Draw[]): Account {
  return { ...account, lots: move(account.lots, parts, -1, 0), debt: account.debt.plus(ofDebt(parts)) };
}

/** The one place where a line is made: what its draws say is what the balance changes by, or nothing is posted at all. */
export function post(
  draft: Draft,
  after: Account,
  type: TransactionType,
  counterparty: string,
  allDraws: readonly Draw[],
  told: Told,
  atMs: number,
): void {
  const draws = allDraws.filter(({ amount }) => !amount.isZero());
  const balanceAfter = balance(after);
  const amount = balanceAfter.minus(balance(draft.account));
  const total = sum(draws.map((each) => each.amount));
  if (!total.eq(amount)) {
    throw new Error(
      `the draws of a ${type} add up to ${total.toFixed()}, but the balance changes by ${amount.toFixed()}`,
    );
  }
  // The journal holds what changed a balance.
  if (amount.isZero()) {
    draft.account = after;
    return;
  }
  const seq = draft.account.lastSeq + 1;
  draft.lines.push({ ...told, seq, type, amount, balanceAfter, counterparty, draws, createdAt: atMs });
  draft.account = { ...after, lastSeq: seq, updatedAt: atMs };
}
