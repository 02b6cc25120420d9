/** A user's account and its journal lines as values, and the two movements that everything is made of. Pure. */
import type { z } from "zod";
import type { TransactionType as TransactionTypeSchema } from "@tollbooth/shared/contracts/credits";
import { least, ZERO, type Money } from "@tollbooth/shared/money";
import { DEFAULT_PRIORITY, nextDue, worth, type Draw, type Lot, type LotKind } from "./lots.ts";

export interface Account {
  readonly userId: string;
  readonly tier: string;
  /** What the tier grants each period. */
  readonly tierCredits: Money;
  /** Lots with something left, active or not yet. */
  readonly lots: readonly Lot[];
  readonly held: Money;
  readonly debt: Money;
  readonly freeTierUsed: Money;
  readonly lastSeq: number;
  readonly lastLot: number;
  /** Milliseconds since 1970, like all times here. */
  readonly resetAt: number;
  readonly createdAt: number;
  readonly updatedAt: number;
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

const LINE_TYPE: Readonly<Record<LotKind, TransactionType>> = {
  monthly: "allocation",
  bonus: "bonus",
  purchase: "allocation",
  refund: "refund",
  adjustment: "adjustment",
};

/** Live lots + held - debt. */
export function balance(account: Account): Money {
  return worth(account.lots).plus(account.held).minus(account.debt);
}

/** Live lots - debt: what may be spent. */
export function available(account: Account): Money {
  return worth(account.lots).minus(account.debt);
}

/** When time alone changes something next. */
export function nextDueAt(account: Account): number | null {
  return nextDue(account.lots)?.atMs ?? null;
}

/** Credits of any kind pay what is owed first; the rest is the lot. */
export function credit(account: Account, lot: Lot, told: Told, atMs: number): { account: Account; line: Line } {
  const paid = least(account.debt, lot.granted);
  const rest = lot.granted.minus(paid);
  const lots = rest.gt(ZERO)
    ? [...account.lots, { ...lot, granted: rest, remaining: rest, active: true }]
    : account.lots;
  const draws: Draw[] = [];
  if (paid.gt(ZERO)) draws.push({ lot: "debt", amount: paid });
  if (rest.gt(ZERO)) draws.push({ lot: lot.lot, amount: rest });
  return post(
    account,
    { ...account, lots, debt: account.debt.minus(paid) },
    LINE_TYPE[lot.kind],
    "issuance",
    draws,
    told,
    atMs,
  );
}

export function newLot(account: Account, kind: LotKind, amount: Money, effectiveAt: number): Lot {
  return {
    lot: account.lastLot + 1,
    kind,
    granted: amount,
    remaining: amount,
    priority: DEFAULT_PRIORITY[kind],
    active: false,
    effectiveAt,
    expiresAt: null,
  };
}

/** The one place where a line is made: its amount is what its draws and the two balances say, or nothing is posted at all. */
export function post(
  before: Account,
  after: Account,
  type: TransactionType,
  counterparty: string,
  draws: readonly Draw[],
  told: Told,
  atMs: number,
): { account: Account; line: Line } {
  const balanceAfter = balance(after);
  const amount = balanceAfter.minus(balance(before));
  const drawn = draws.reduce((total, draw) => total.plus(draw.amount), ZERO);
  if (!drawn.eq(amount))
    throw new Error(
      `the draws of a ${type} add up to ${drawn.toFixed()}, but the balance changes by ${amount.toFixed()}`,
    );
  const seq = before.lastSeq + 1;
  const line: Line = { ...told, seq, type, amount, balanceAfter, counterparty, draws, createdAt: atMs };
  return { account: { ...after, lastSeq: seq, updatedAt: atMs }, line };
}
