/** Lots: amounts granted at one moment, and the order in which they are spent. Pure. */
import { least, sum, ZERO, type Money } from "@tollbooth/shared/money";

export type LotKind = "monthly" | "bonus" | "purchase" | "refund" | "adjustment";

export interface Lot {
  /** Counts per user from 1, in the order of granting. */
  readonly lot: number;
  readonly kind: LotKind;
  readonly granted: Money;
  readonly remaining: Money;
  /** Set aside by holds: no longer in `remaining`, and touched by neither expiry nor reset. */
  readonly held: Money;
  /** 0..255, lower burns first. */
  readonly priority: number;
  /** Whether it counts: false until `effectiveAt` was settled. */
  readonly active: boolean;
  /** Carried over from the period before: it is not carried again. */
  readonly rolled: boolean;
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

/** What the active lots would give towards `amount`, in burn order, as positive parts; what is not there is of the debt. */
export function draw(lots: readonly Lot[], amount: Money): readonly Draw[] {
  const parts: Draw[] = [];
  let missing = amount;
  for (const lot of lots.filter(({ active, remaining }) => active && remaining.gt(0)).toSorted(burnsBefore)) {
    if (missing.isZero()) break;
    const part = least(lot.remaining, missing);
    parts.push({ lot: lot.lot, amount: part });
    missing = missing.minus(part);
  }
  if (missing.gt(ZERO)) parts.push({ lot: "debt", amount: missing });
  return parts;
}

/** The lots after each got its part: more in what is left, more in what is held. Parts of the debt are no lot's. */
export function move(
  lots: readonly Lot[],
  parts: readonly Draw[],
  remaining: 1 | 0 | -1,
  held: 1 | 0 | -1,
): readonly Lot[] {
  const moved = new Map<number | "debt", Money>();
  for (const { lot, amount } of parts) moved.set(lot, (moved.get(lot) ?? ZERO).plus(amount));
  return lots.map((lot) => {
    const part = moved.get(lot.lot);
    if (part === undefined) return lot;
    return { ...lot, remaining: moveBy(lot.remaining, part, remaining), held: moveBy(lot.held, part, held) };
  });
}

function moveBy(amount: Money, part: Money, direction: 1 | 0 | -1): Money {
  if (direction === 0) return amount;
  return direction > 0 ? amount.plus(part) : amount.minus(part);
}

/** The part that is of the debt. */
export function ofDebt(parts: readonly Draw[]): Money {
  return sum(parts.filter(({ lot }) => lot === "debt").map(({ amount }) => amount));
}

/** The same parts as draws of a line that takes, one of each lot, so that refunds of the line know what each gave. */
export function taken(parts: readonly Draw[]): readonly Draw[] {
  const draws = new Map<number | "debt", Money>();
  for (const { lot, amount } of parts) draws.set(lot, (draws.get(lot) ?? ZERO).minus(amount));
  return [...draws].map(([lot, amount]) => ({ lot, amount }));
}

/** The first `amount` of the parts, and the rest, each in their order. */
export function split(parts: readonly Draw[], amount: Money): readonly [first: readonly Draw[], rest: readonly Draw[]] {
  const first: Draw[] = [];
  const rest: Draw[] = [];
  let wanted = amount;
  for (const part of parts) {
    const now = least(part.amount, wanted);
    if (now.gt(ZERO)) first.push({ lot: part.lot, amount: now });
    if (part.amount.gt(now)) rest.push({ lot: part.lot, amount: part.amount.minus(now) });
    wanted = wanted.minus(now);
  }
  return [first, rest];
}

/** What the active lots are worth together; of one kind, if named. What is held does not count. */
export function worth(lots: readonly Lot[], kind?: LotKind): Money {
  let total: Money | undefined;
  for (const { active, kind: its, remaining } of lots) {
    if (active && (kind === undefined || its === kind)) total = total === undefined ? remaining : total.plus(remaining);
  }
  return total ?? ZERO;
}

/** Whether a lot can still be spent from, and given back to. */
export function isLive(lot: Lot, atMs: number): boolean {
  return lot.active && (lot.expiresAt === null || lot.expiresAt > atMs);
}

/** Infinity - Infinity is not a number, so no subtraction here. */
function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
