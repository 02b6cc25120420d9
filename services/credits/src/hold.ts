/** Holds: credits set aside for a request that has not ended. A hold takes its lots at once and ends once. Pure. */
import { Fault } from "@tollbooth/shared/fault";
import { least, print, ZERO, type Money } from "@tollbooth/shared/money";
import { available, drawn, newLot, post, spend, type Account, type Draft, type Told } from "./account.ts";
import { draw, move, ofDebt, split, taken, worth, type Draw } from "./lots.ts";

export type HoldState = "active" | "captured" | "released" | "expired";

export interface Hold {
  readonly holdId: string;
  readonly state: HoldState;
  readonly amount: Money;
  /** Where the amount came from, in burn order; what went below nothing is of the debt. Empty once it has ended. */
  readonly parts: readonly Draw[];
  /** What its return paid of the debt: draws that add up to nothing. */
  readonly paid: readonly Draw[];
  readonly expiresAt: number;
  readonly createdAt: number;
  readonly endedAt: number | null;
  /** The line that settled it, set at most once. */
  readonly capturedLine: number | null;
}

/** Sets credits aside. Refused beyond what is available and the overdraft limit, and for a hold that has been. */
export function createHold(
  draft: Draft,
  holdId: string,
  amount: Money,
  ttlMs: number,
  nowMs: number,
): Fault | undefined {
  const { account } = draft;
  const before = find(account, holdId);
  if (before !== undefined) return ended(before);
  const there = available(account).plus(account.overdraftLimit);
  if (amount.gt(there)) {
    return new Fault(
      "insufficient_credits",
      `holding ${print(amount)} credits needs more than the ${print(there)} that are available`,
      {
        fix: "add credits, or ask for less",
        facts: { required: print(amount), available: print(there) },
      },
    );
  }
  const parts = draw(account.lots, amount);
  const hold: Hold = {
    holdId,
    amount,
    parts,
    state: "active",
    paid: [],
    expiresAt: nowMs + ttlMs,
    createdAt: nowMs,
    endedAt: null,
    capturedLine: null,
  };
  draft.account = {
    ...account,
    lots: move(account.lots, parts, -1, 1),
    debt: account.debt.plus(ofDebt(parts)),
    held: account.held.plus(amount),
    holds: [...account.holds, hold],
    updatedAt: nowMs,
  };
  return undefined;
}

/**
 * Takes what was served out of a hold, less, the same or more; what is left of it goes back, and what is missing is charged.
 * A hold that has ended, or never was, is no reason not to pay for what was served.
 */
export function capture(
  draft: Draft,
  holdId: string,
  amount: Money,
  counterparty: string,
  told: Told,
  nowMs: number,
): void {
  const hold = find(draft.account, holdId);
  const named = { ...told, holdId };
  const seqBefore = draft.account.lastSeq;
  if (hold?.state === "active") captureActive(draft, hold, amount, counterparty, named, nowMs);
  else spend(draft, "usage", counterparty, amount, named, nowMs);
  const line = draft.account.lastSeq > seqBefore ? seqBefore + 1 : null;
  const now = find(draft.account, holdId) ?? tombstone(holdId, "captured", nowMs);
  setHold(draft, { ...now, capturedLine: now.capturedLine ?? line }, nowMs);
}

function captureActive(draft: Draft, hold: Hold, amount: Money, counterparty: string, told: Told, nowMs: number): void {
  const { account } = draft;
  const [used, rest] = split(hold.parts, amount);
  const open = { ...account, lots: move(account.lots, used, 0, -1), held: account.held.minus(hold.amount) };
  const returned = giveBack(open, rest, nowMs);
  const beyond = draw(returned.account.lots, amount.minus(least(amount, hold.amount)));
  post(draft, drawn(returned.account, beyond), "usage", counterparty, taken([...used, ...beyond]), told, nowMs);
  setHold(draft, { ...hold, state: "captured", parts: [], paid: returned.paid, endedAt: nowMs }, nowMs);
}

/** Gives a hold back. Refused where it has ended otherwise; one that never was can be created no more. */
export function releaseHold(draft: Draft, holdId: string, nowMs: number): Fault | undefined {
  const hold = find(draft.account, holdId) ?? tombstone(holdId, "released", nowMs);
  if (find(draft.account, holdId) === undefined) setHold(draft, hold, nowMs);
  else if (hold.state !== "active") return ended(hold);
  else giveUp(draft, hold, "released", nowMs);
  return undefined;
}

/** Ends a hold and gives all of it back. */
export function giveUp(draft: Draft, hold: Hold, state: "released" | "expired", atMs: number): void {
  const { account } = draft;
  const returned = giveBack({ ...account, held: account.held.minus(hold.amount) }, hold.parts, atMs);
  draft.account = returned.account;
  setHold(draft, { ...hold, state, parts: [], paid: returned.paid, endedAt: atMs }, atMs);
}

/** Parts go back to their lots; what went below nothing pays the debt it made. */
function giveBack(account: Account, parts: readonly Draw[], atMs: number): { account: Account; paid: readonly Draw[] } {
  const back = ofDebt(parts);
  const pays = least(back, account.debt);
  const over = back.minus(pays);
  const after = { ...account, lots: move(account.lots, parts, 1, -1), debt: account.debt.minus(pays) };
  if (over.isZero()) return { account: after, paid: [] };
  // Credits that came meanwhile have paid that debt: they are the user's again.
  const lot = { ...newLot(after, "refund", over, atMs), active: true };
  return {
    account: { ...after, lots: [...after.lots, lot], lastLot: lot.lot },
    paid: [
      { lot: "debt", amount: over.neg() },
      { lot: lot.lot, amount: over },
    ],
  };
}

/** What came back pays what is owed. The draws stand with the hold, since no balance changes. */
export function payDebt(draft: Draft, holdId: string, atMs: number): void {
  const { account } = draft;
  const amount = least(account.debt, worth(account.lots));
  const hold = find(account, holdId);
  if (hold === undefined || amount.lte(ZERO)) return;
  const parts = draw(account.lots, amount);
  draft.account = { ...account, lots: move(account.lots, parts, -1, 0), debt: account.debt.minus(amount) };
  setHold(draft, { ...hold, paid: [...hold.paid, ...taken(parts), { lot: "debt", amount }] }, atMs);
}

/** The hold of this id, as far as the batch knows it. */
export function find(account: Account, holdId: string): Hold | undefined {
  return account.holds.find((hold) => hold.holdId === holdId);
}

function setHold(draft: Draft, hold: Hold, atMs: number): void {
  const { account } = draft;
  const others = account.holds.filter(({ holdId }) => holdId !== hold.holdId);
  draft.account = { ...account, holds: [...others, hold], updatedAt: atMs };
}

/** A hold that ended before it began: whoever creates it later learns that it has been. */
function tombstone(holdId: string, state: HoldState, nowMs: number): Hold {
  return {
    holdId,
    state,
    amount: ZERO,
    parts: [],
    paid: [],
    expiresAt: nowMs,
    createdAt: nowMs,
    endedAt: nowMs,
    capturedLine: null,
  };
}

/** The refusal of whatever comes to a hold after its end, or to make it twice. */
export function ended(hold: Hold): Fault {
  const how = hold.state === "active" ? "is there already" : `was ${hold.state}`;
  return new Fault("hold_ended", `the hold ${hold.holdId} ${how}`, { fix: "use a new hold_id for a new request" });
}
