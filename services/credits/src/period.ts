/** Periods and prices: when a period ends, what a tier costs, what discounts take off. Pure. */
import { decimal, least, round12, ZERO, type Money } from "@tollbooth/shared/money";

/** A tier as it is in force. */
export interface Tier {
  readonly tier: string;
  /** Price of a period, in USD. */
  readonly price: Money;
  /** Credits granted each period. */
  readonly credits: Money;
  /** 0..1: how much of what is left of a period's credits is carried into the next one, once. */
  readonly rollover: Money;
  /** Only an admin may switch somebody to it. */
  readonly adminOnly: boolean;
}

export type DiscountKind = "free_month" | "percentage" | "fixed";

/** A redemption that lowers the next price due, once. */
export interface Discount {
  readonly id: string;
  readonly kind: DiscountKind;
  /** Percent of 0..100, or credits; nothing of a free month. */
  readonly value: Money;
}

/**
 * When the n-th period from the anchor ends, counted from 0: the anchor's day and time, n + 1 months on, in UTC. A month
 * that has no such day ends on its last (31 January, 28 February, 31 March).
 */
export function periodEnd(anchorMs: number, n: number): number {
  const anchor = new Date(anchorMs);
  const months = anchor.getUTCMonth() + n + 1;
  const firstOfMonth = Date.UTC(anchor.getUTCFullYear(), months, 1);
  const lastDay = new Date(Date.UTC(anchor.getUTCFullYear(), months + 1, 0)).getUTCDate();
  const timeOfDay = anchorMs - Date.UTC(anchor.getUTCFullYear(), anchor.getUTCMonth(), anchor.getUTCDate());
  return firstOfMonth + (Math.min(anchor.getUTCDate(), lastDay) - 1) * 86_400_000 + timeOfDay;
}

/** What is due of a price, and which discounts it used: a free month first, then percentages, then fixed ones. */
export function amountDue(price: Money, discounts: readonly Discount[]): { due: Money; used: readonly Discount[] } {
  const used: Discount[] = [];
  let due = price;
  const use = (discount: Discount, left: Money) => {
    used.push(discount);
    due = left;
  };
  const of = (kind: DiscountKind) => discounts.filter((discount) => discount.kind === kind);
  for (const month of of("free_month")) if (due.gt(ZERO)) use(month, ZERO);
  for (const percent of of("percentage")) {
    if (due.gt(ZERO)) use(percent, round12(due.times(decimal(100).minus(percent.value)).div(100)));
  }
  for (const fixed of of("fixed")) if (due.gt(ZERO)) use(fixed, due.minus(least(fixed.value, due)));
  return { due, used };
}

/** What is carried of the rest of a period. */
export function rolledOver(rest: Money, tier: Tier): Money {
  return round12(rest.times(tier.rollover));
}
