/** What time alone does to an account: holds end, lots end and begin, periods follow each other. Pure. */
import { ZERO } from "@tollbooth/shared/money";
import { credit, newLot, NOTHING_TOLD, post, type Account, type Draft, type PeriodCharge } from "./account.ts";
import { giveUp, payDebt, type Hold } from "./hold.ts";
import { isLive, move, taken, type Lot } from "./lots.ts";
import { amountDue, periodEnd, rolledOver, type Tier } from "./period.ts";

type Due = { readonly atMs: number } & (
  | { readonly what: "hold"; readonly hold: Hold }
  | { readonly what: "end"; readonly lot: Lot }
  | { readonly what: "reset" }
  | { readonly what: "begin"; readonly lot: Lot }
);

/** At one instant: holds give back, then lots end, then the period, then lots begin. */
const ORDER: readonly Due["what"][] = ["hold", "end", "reset", "begin"];

/** When time alone changes something next. */
export function nextDueAt(account: Account): number {
  return nextDue(account).atMs;
}

/** Does all that time has done up to a moment, each thing at its own time, but never before what was posted last. */
export function settle(draft: Draft, nowMs: number): void {
  if (draft.account.lastCharge === 0) open(draft);
  for (let due = nextDue(draft.account); due.atMs <= nowMs; due = nextDue(draft.account)) {
    const atMs = Math.max(due.atMs, draft.account.updatedAt);
    if (due.what === "hold") {
      giveUp(draft, due.hold, "expired", atMs);
      afterReturn(draft, due.hold.holdId, atMs);
    } else if (due.what === "end") endLot(draft, due.lot, atMs);
    else if (due.what === "reset") nextPeriod(draft, due.atMs);
    else beginLot(draft, due.lot, atMs);
  }
}

/** What came back of a hold: what has ended meanwhile ends at once, and the rest pays what is owed. */
export function afterReturn(draft: Draft, holdId: string, atMs: number): void {
  for (const lot of draft.account.lots) {
    if (lot.active && lot.remaining.gt(ZERO) && !isLive(lot, atMs)) endLot(draft, lot, atMs);
  }
  payDebt(draft, holdId, atMs);
}

/** Grants a tier's monthly credits anew: what is left of the old ones ends. */
export function renewMonthly(draft: Draft, tier: Tier, reason: string, atMs: number): void {
  let rolled = ZERO;
  for (const lot of draft.account.lots.filter(({ kind, active }) => kind === "monthly" && active)) {
    if (!isLive(lot, atMs)) continue;
    if (!lot.rolled) rolled = rolled.plus(rolledOver(lot.remaining, tier));
    if (lot.remaining.gt(ZERO)) endLot(draft, lot, atMs);
    // What is held of it has ended too, once it comes back.
    replaceLot(draft, lot.lot, (now) => ({ ...now, expiresAt: atMs }));
  }
  grantMonthly(draft, rolled, "carried over", true, atMs);
  grantMonthly(draft, tier.credits, reason, false, atMs);
}

function grantMonthly(draft: Draft, amount: Lot["granted"], reason: string, rolled: boolean, atMs: number): void {
  if (amount.isZero()) return;
  const lot = { ...newLot(draft.account, "monthly", amount, atMs), rolled };
  credit(draft, "monthly_reset", lot, { ...NOTHING_TOLD, reason }, atMs);
}

/** States a price that became due, and uses up the discounts that lower it. */
export function chargePeriod(
  draft: Draft,
  why: PeriodCharge["why"],
  price: Lot["granted"],
  atMs: number,
): PeriodCharge {
  const { account } = draft;
  const { due, used } = amountDue(price, account.discounts);
  const number = account.lastCharge + 1;
  const { tier, periodStart } = account;
  const charge = { number, why, tier: tier.tier, periodStart, price, due, used, at: atMs };
  draft.charges.push(charge);
  draft.account = {
    ...account,
    lastCharge: number,
    discounts: account.discounts.filter((discount) => !used.includes(discount)),
  };
  return charge;
}

/** A user's first sight: his tier's price is due and its credits are granted. */
function open(draft: Draft): void {
  const { tier, createdAt } = draft.account;
  chargePeriod(draft, "period", tier.price, createdAt);
  draft.account = { ...draft.account, periodGranted: tier.credits, periodPrice: tier.price };
  if (tier.credits.isZero()) return;
  const told = { ...NOTHING_TOLD, reason: `first period on ${tier.tier}` };
  credit(draft, "allocation", newLot(draft.account, "monthly", tier.credits, createdAt), told, createdAt);
}

function nextPeriod(draft: Draft, atMs: number): void {
  const { account } = draft;
  const tier = account.pendingTier ?? account.tier;
  draft.account = {
    ...account,
    tier,
    pendingTier: null,
    period: account.period + 1,
    periodStart: atMs,
    resetAt: periodEnd(account.anchorAt, account.period + 1),
    periodGranted: tier.credits,
    periodPrice: tier.price,
    freeTierUsed: ZERO,
    updatedAt: Math.max(atMs, account.updatedAt),
  };
  chargePeriod(draft, "period", tier.price, draft.account.updatedAt);
  renewMonthly(draft, tier, `period ${account.period + 2} on ${tier.tier}`, draft.account.updatedAt);
}

function endLot(draft: Draft, lot: Lot, atMs: number): void {
  const parts = [{ lot: lot.lot, amount: lot.remaining }];
  const after = { ...draft.account, lots: move(draft.account.lots, parts, -1, 0) };
  post(draft, after, "expiry", "expiry", taken(parts), NOTHING_TOLD, atMs);
}

function beginLot(draft: Draft, lot: Lot, atMs: number): void {
  const type = lot.kind === "bonus" || lot.kind === "adjustment" ? lot.kind : "allocation";
  credit(draft, type, lot, { ...NOTHING_TOLD, reason: `lot ${lot.lot} begins` }, atMs);
}

function replaceLot(draft: Draft, number: number, change: (lot: Lot) => Lot): void {
  const lots = draft.account.lots.map((lot) => (lot.lot === number ? change(lot) : lot));
  draft.account = { ...draft.account, lots };
}

function nextDue(account: Account): Due {
  const dues: Due[] = [{ what: "reset", atMs: account.resetAt }];
  for (const hold of account.holds)
    if (hold.state === "active") dues.push({ what: "hold", atMs: hold.expiresAt, hold });
  for (const lot of account.lots) {
    if (lot.remaining.isZero()) continue;
    if (!lot.active) dues.push({ what: "begin", atMs: lot.effectiveAt, lot });
    else if (lot.expiresAt !== null) dues.push({ what: "end", atMs: lot.expiresAt, lot });
  }
  return dues.reduce((first, due) => (comesBefore(due, first) ? due : first));
}

function comesBefore(a: Due, b: Due): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  if (a.what !== b.what) return ORDER.indexOf(a.what) < ORDER.indexOf(b.what);
  // Of two of a kind the older one, so that every replica decides alike.
  if (a.what === "hold" && b.what === "hold") return a.hold.holdId < b.hold.holdId;
  return "lot" in a && "lot" in b && a.lot.lot < b.lot.lot;
}
