/** Lots: amounts granted at one moment, and the order in which they are spent. Pure. */
import { least, sum, ZERO, type Money } from "@tollbooth/shared/money";

export type LotKind = "monthly" | "bonus" | "purchase" | "refund" | "adjustment";

export interface Lot {
  /** Counts per user from 1, in the order of granting. */
  readonly lot: number;
  readonly kind: LotKind;
  readonly granted: Money;
  readonly remaining: Money;
  /** 0..255, lower burns first. */
  readonly priority: number;
  /** Whether it counts: false until `effectiveAt` was settled. */
  readonly active: boolean;
  /** Milliseconds since 1970; worth nothing before. */
  readonly effectiveAt: number;
  /** Milliseconds since 1970, exclusive; null never ends. */
  readonly expiresAt: number | null;
}

/** Which lot, or the debt, gave (-) or took (+) how much. The draws of a journal line add up to its amount. */
export interface Draw {
  readonly lot: number | "debt";
  readonly amount: Money;
}

export const DEFAULT_PRIORITY: Readonly<Record<LotKind, number>> = {
  monthly: 10,
  bonus: 20,
  refund: 20,
  purchase: 30,
  adjustment: 30,
};

const PROMOTIONAL: ReadonlySet<LotKind> = new Set(["bonus", "monthly"]);

/** Burn order: priority, then sooner expiry (none last), then promotional before paid, then older, then number. */
export function burnsBefore(a: Lot, b: Lot): number {
  return (
    a.priority - b.priority ||
    compare(a.expiresAt ?? Infinity, b.expiresAt ?? Infinity) ||
    Number(PROMOTIONAL.has(b.kind)) - Number(PROMOTIONAL.has(a.kind)) ||
    compare(a.effectiveAt, b.effectiveAt) ||
    a.lot - b.lot
  );
}

/** Takes up to `amount` from the active lots in burn order; answers the lots after, what each gave, and what was not there. */
export function burn(
  lots: readonly Lot[],
  amount: Money,
): { lots: readonly Lot[]; draws: readonly Draw[]; missing: Money } {
  const draws: Draw[] = [];
  let missing = amount;
  for (const lot of lots.filter(({ active, remaining }) => active && remaining.gt(0)).toSorted(burnsBefore)) {
    if (missing.isZero()) break;
    const given = least(lot.remaining, missing);
    draws.push({ lot: lot.lot, amount: given.neg() });
    missing = missing.minus(given);
  }
  return { lots: applyDraws(lots, draws), draws, missing };
}

/** The lots after the draws. */
export function applyDraws(lots: readonly Lot[], draws: readonly Draw[]): readonly Lot[] {
  const change = new Map(draws.map((draw) => [draw.lot, draw.amount]));
  return lots.map((lot) => {
    const amount = change.get(lot.lot);
    return amount === undefined ? lot : { ...lot, remaining: lot.remaining.plus(amount) };
  });
}

/** What the active lots are worth together; of one kind, if named. */
export function worth(lots: readonly Lot[], kind?: LotKind): Money {
  return sum(lots.filter((lot) => lot.active && (kind === undefined || lot.kind === kind)).map((lot) => lot.remaining));
}

export interface Due {
  readonly atMs: number;
  readonly lot: Lot;
  readonly what: "expires" | "activates";
}

/** What time alone does next to these lots. At one instant, what ends ends before what begins begins. */
export function nextDue(lots: readonly Lot[]): Due | undefined {
  let next: Due | undefined;
  for (const lot of lots) {
    if (lot.remaining.lte(ZERO)) continue;
    const due: Due | undefined = !lot.active
      ? { atMs: lot.effectiveAt, lot, what: "activates" }
      : lot.expiresAt === null
        ? undefined
        : { atMs: lot.expiresAt, lot, what: "expires" };
    if (due !== undefined && (next === undefined || comesBefore(due, next))) next = due;
  }
  return next;
}

function comesBefore(a: Due, b: Due): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  return a.what !== b.what ? a.what === "expires" : a.lot.lot < b.lot.lot;
}

/** Infinity - Infinity is not a number, so no subtraction here. */
function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
