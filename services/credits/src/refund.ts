/** Refunds: credits that come back, to the lots they were taken from where those still live. Pure. */
import { Fault } from "@tollbooth/shared/fault";
import { least, print, sum, ZERO, type Money } from "@tollbooth/shared/money";
import { newLot, post, type CitedLine, type Draft, type Told } from "./account.ts";
import type { Refund } from "./command.ts";
import { isLive, move, type Draw } from "./lots.ts";

/**
 * Gives credits back: present debt first, then the named line's lots that still live, the last first, then a new lot. All
 * refunds of a line together never exceed it.
 */
export function refund(draft: Draft, { amount, transactionId }: Refund, told: Told, nowMs: number): Fault | undefined {
  const line = transactionId === undefined ? undefined : draft.account.cited.find(({ id }) => id === transactionId);
  if (transactionId !== undefined && line === undefined) return new Fault("not_found", "there is no such transaction");
  if (line !== undefined) {
    const refusal = refusalOf(line, amount);
    if (refusal !== undefined) return refusal;
  }
  giveBack(draft, line, amount, told, nowMs);
  return undefined;
}

function refusalOf(line: CitedLine, amount: Money): Fault | undefined {
  if (line.amount.gte(ZERO)) return invalid("transaction_id", "only what was taken can be refunded");
  const left = line.amount.neg().minus(line.refunded);
  if (amount.lte(left)) return undefined;
  return invalid("amount", `of this transaction ${print(left)} can still be refunded`);
}

function giveBack(draft: Draft, line: CitedLine | undefined, amount: Money, told: Told, nowMs: number): void {
  const { account } = draft;
  const toDebt = least(account.debt, amount);
  const toLots = line === undefined ? [] : partsFor(draft, line, amount.minus(toDebt), nowMs);
  const rest = amount.minus(toDebt).minus(sum(toLots.map((part) => part.amount)));
  const lot = rest.isZero() ? [] : [{ ...newLot(account, "refund", rest, nowMs), active: true }];
  const draws: Draw[] = [
    { lot: "debt", amount: toDebt },
    ...toLots,
    ...lot.map(({ lot: number }) => ({ lot: number, amount: rest })),
  ];
  const after = {
    ...account,
    lots: [...move(account.lots, toLots, 1, 0), ...lot],
    lastLot: account.lastLot + lot.length,
    debt: account.debt.minus(toDebt),
    cited: account.cited.map((each) =>
      each === line
        ? { ...each, refunded: each.refunded.plus(amount), givenBack: [...each.givenBack, ...toLots] }
        : each,
    ),
  };
  post(draft, after, "refund", "issuance", draws, { ...told, refunds: line?.seq ?? null }, nowMs);
}

/** What each lot of the line gets back: never more than the line took from it, the last one it took from first. */
function partsFor(draft: Draft, line: CitedLine, amount: Money, nowMs: number): Draw[] {
  const parts: Draw[] = [];
  let left = amount;
  for (const { lot: number, amount: drawn } of line.draws.toReversed()) {
    const lot = draft.account.lots.find((each) => each.lot === number);
    if (lot === undefined || !isLive(lot, nowMs)) continue;
    const before = sum(line.givenBack.filter((part) => part.lot === number).map((part) => part.amount));
    const part = least(left, drawn.neg().minus(before));
    if (part.lte(ZERO)) continue;
    parts.push({ lot: lot.lot, amount: part });
    left = left.minus(part);
  }
  return parts;
}

function invalid(path: string, message: string): Fault {
  return new Fault("invalid_request", `the refund is not valid: ${message}`, { errors: [{ path, message }] });
}
