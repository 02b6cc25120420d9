/** Accounts, commands and histories for the tests of the ledger. */
import fc from "fast-check";
import type { Fault } from "@tollbooth/shared/fault";
import { decimal, ZERO } from "@tollbooth/shared/money";
import type { Account, Line } from "../account.ts";
import type { Command } from "../command.ts";
import { decide } from "../ledger.ts";

export const DAY_MS = 86_400_000;
export const START_MS = Date.UTC(2026, 0, 31, 12);
export const ADMIN = { sub: "admin", role: "admin" };

export function fresh(tierCredits = "5"): Account {
  return {
    userId: "alice",
    tier: "trial",
    tierCredits: decimal(tierCredits),
    lots: [],
    held: ZERO,
    debt: ZERO,
    freeTierUsed: ZERO,
    lastSeq: 0,
    lastLot: 0,
    resetAt: START_MS + 28 * DAY_MS,
    createdAt: START_MS,
    updatedAt: START_MS,
  };
}

/** An account without a monthly grant, so that a test's own lots are all there is. */
export const empty = () => fresh("0");

export const grant = (amount: string, more: Partial<Extract<Command, { kind: "grant" }>> = {}): Command => ({
  kind: "grant",
  lotKind: "purchase",
  amount: decimal(amount),
  reason: "test",
  actor: ADMIN,
  ...more,
});
export const deduct = (amount: string): Command => ({
  kind: "deduct",
  amount: decimal(amount),
  service: "chat",
  actor: ADMIN,
});
export const charge = (amount: string, freeValue = "0"): Command => ({
  kind: "charge",
  amount: decimal(amount),
  freeValue: decimal(freeValue),
  service: "chat",
  actor: ADMIN,
});

const anyAmount = fc.bigInt(1n, 20_000_000_000_000n).map((picos) => decimal(picos.toString()).div("1e12"));
const anyDays = fc.integer({ min: 0, max: 40 });
const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  fc
    .record({
      amount: anyAmount,
      lotKind: fc.constantFrom("purchase" as const, "bonus" as const),
      priority: fc.integer({ min: 0, max: 3 }),
      from: anyDays,
      until: fc.option(anyDays),
    })
    .map(({ amount, lotKind, priority, from, until }): Command => ({
      kind: "grant",
      lotKind,
      amount,
      priority,
      reason: "any",
      actor: ADMIN,
      effectiveAt: START_MS + from * DAY_MS,
      expiresAt: until === null ? undefined : START_MS + until * DAY_MS,
    })),
  anyAmount.map((amount): Command => ({ kind: "deduct", amount, service: "chat", actor: ADMIN })),
  fc
    .tuple(anyAmount, anyAmount)
    .map(([amount, freeValue]): Command => ({ kind: "charge", amount, freeValue, service: "chat", actor: ADMIN })),
  fc.constant<Command>({ kind: "settle" }),
);
export const anyHistory = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), anyCommand), { maxLength: 40 });

export interface Step {
  before: Account;
  after: Account;
  command: Command;
  lines: readonly Line[];
  refusal: Fault | undefined;
  nowMs: number;
}

export function* unfold(history: readonly (readonly [number, Command])[]): Generator<Step> {
  let account = fresh();
  let nowMs = START_MS;
  for (const [days, command] of history) {
    nowMs += days * DAY_MS;
    const { account: after, lines, refusal } = decide(account, command, nowMs);
    yield { before: account, after, command, lines, refusal, nowMs };
    account = after;
  }
}
