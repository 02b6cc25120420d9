/** Accounts, commands and histories for the tests of the ledger. */
import fc from "fast-check";
import type { Fault } from "@tollbooth/shared/fault";
import { decimal, ZERO } from "@tollbooth/shared/money";
import type { Account, Line, PeriodCharge } from "../account.ts";
import type {
  AddDiscount,
  CaptureHold,
  Charge,
  Command,
  Correct,
  CreateHold,
  Deduct,
  Grant,
  Refund,
  ReleaseHold,
  Reset,
  Settle,
  Switch,
} from "../command.ts";
import { decide } from "../ledger.ts";
import { periodEnd, type Tier } from "../period.ts";

export const DAY_MS = 86_400_000;
export const START_MS = Date.UTC(2026, 0, 31, 12);
export const ADMIN = { sub: "admin", role: "admin" };
export const USER = { sub: "alice", role: "user" };

const tierOf = (tier: string, price: string, credits: string, adminOnly = false): Tier => ({
  tier,
  price: decimal(price),
  credits: decimal(credits),
  rollover: ZERO,
  adminOnly,
});
export const TIERS = {
  nothing: tierOf("nothing", "0", "0"),
  trial: tierOf("trial", "4", "5"),
  starter: tierOf("starter", "19", "20"),
  professional: tierOf("professional", "49", "60"),
  enterprise: tierOf("enterprise", "99", "999999.99", true),
} satisfies Record<string, Tier>;

export function fresh(tier: Tier = TIERS.trial): Account {
  return {
    userId: "alice",
    tier,
    pendingTier: null,
    lots: [],
    holds: [],
    cited: [],
    discounts: [],
    held: ZERO,
    debt: ZERO,
    overdraftLimit: ZERO,
    freeTierUsed: ZERO,
    lastSeq: 0,
    lastLot: 0,
    lastCharge: 0,
    anchorAt: START_MS,
    period: 0,
    periodStart: START_MS,
    resetAt: periodEnd(START_MS, 0),
    periodGranted: ZERO,
    periodPrice: ZERO,
    resetByHand: null,
    createdAt: START_MS,
    updatedAt: START_MS,
  };
}

/** An account without a monthly grant, so that a test's own lots are all there is. */
export const empty = () => fresh(TIERS.nothing);

const use = (amount: string) => ({ amount: decimal(amount), service: "chat", actor: ADMIN });

export const settle: Settle = { kind: "settle" };
export const grant = (amount: string, more: Partial<Grant> = {}): Grant => ({
  kind: "grant",
  lotKind: "purchase",
  amount: decimal(amount),
  reason: "test",
  actor: ADMIN,
  ...more,
});
export const deduct = (amount: string): Deduct => ({ kind: "deduct", ...use(amount) });
export const charge = (amount: string, more: { freeValue?: string; holdId?: string } = {}): Charge => ({
  kind: "charge",
  ...use(amount),
  freeValue: decimal(more.freeValue ?? "0"),
  holdId: more.holdId,
});
export const hold = (holdId: string, amount: string, days = 1): CreateHold => ({
  kind: "hold",
  holdId,
  amount: decimal(amount),
  ttlMs: days * DAY_MS,
});
export const capture = (holdId: string, amount: string): CaptureHold => ({ kind: "capture", ...use(amount), holdId });
export const release = (holdId: string): ReleaseHold => ({ kind: "release", holdId });
export const refund = (amount: string, line?: number): Refund => ({
  kind: "refund",
  amount: decimal(amount),
  reason: "test",
  actor: ADMIN,
  transactionId: line === undefined ? undefined : `line-${line}`,
});
export const switchTo = (tier: Tier, actor = USER): Switch => ({ kind: "switch", tier, actor });
export const correct = (amount: string): Correct => ({
  kind: "correct",
  amount: decimal(amount),
  reason: "test",
  actor: ADMIN,
});
export const reset = (tier?: Tier): Reset => ({ kind: "reset", tier, actor: ADMIN });
export const discount = (
  kind: "free_month" | "percentage" | "fixed",
  value = "0",
  id = `${kind}-${value}`,
): AddDiscount => ({
  kind: "discount",
  discount: { id, kind, value: decimal(value) },
});

export interface Step {
  before: Account;
  after: Account;
  command: Command;
  lines: readonly Line[];
  charges: readonly PeriodCharge[];
  refusal: Fault | undefined;
  nowMs: number;
}

export type History = readonly (readonly [days: number, command: Command])[];

/** Plays commands, each so many days after the one before. Every line can be refunded by its name, `line-<seq>`. */
export function unfold(history: History, start = fresh()): Step[] {
  const steps: Step[] = [];
  let account = start;
  let nowMs = START_MS;
  for (const [days, command] of history) {
    nowMs += days * DAY_MS;
    const { account: after, lines, charges, refusal } = decide(account, command, nowMs);
    steps.push({ before: account, after, command, lines, charges, refusal, nowMs });
    const cited = lines.map(({ seq, type, amount, draws }) => ({
      id: `line-${seq}`,
      seq,
      type,
      amount,
      draws,
      refunded: ZERO,
      givenBack: [],
    }));
    account = { ...after, cited: [...after.cited, ...cited] };
  }
  return steps;
}

export const anyAmount = fc
  .bigInt(1n, 20_000_000_000_000n)
  .map((picos) => decimal(picos.toString()).div("1e12").toFixed());
const anyDays = fc.integer({ min: 0, max: 40 });
export const anyHoldId = fc.constantFrom("h1", "h2", "h3", "h4");

const anyGrant = fc
  .record({
    amount: anyAmount,
    lotKind: fc.constantFrom("purchase" as const, "bonus" as const),
    priority: fc.integer({ min: 0, max: 3 }),
    from: anyDays,
    until: fc.option(anyDays),
  })
  .map(({ amount, lotKind, priority, from, until }) =>
    grant(amount, {
      lotKind,
      priority,
      effectiveAt: START_MS + from * DAY_MS,
      ...(until !== null && { expiresAt: START_MS + until * DAY_MS }),
    }),
  );

export const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  anyGrant,
  anyAmount.map(deduct),
  fc.tuple(anyAmount, anyAmount).map(([amount, freeValue]) => charge(amount, { freeValue })),
  fc.tuple(fc.oneof(anyAmount, fc.constant("0")), anyHoldId).map(([amount, holdId]) => charge(amount, { holdId })),
  fc.tuple(anyHoldId, anyAmount, fc.integer({ min: 1, max: 5 })).map(([id, amount, days]) => hold(id, amount, days)),
  fc.tuple(anyHoldId, fc.oneof(anyAmount, fc.constant("0"))).map(([id, amount]) => capture(id, amount)),
  anyHoldId.map(release),
  fc
    .tuple(anyAmount, fc.option(fc.integer({ min: 1, max: 20 })))
    .map(([amount, line]) => refund(amount, line ?? undefined)),
  fc.constantFrom(TIERS.trial, TIERS.starter, TIERS.professional).map((tier) => switchTo(tier)),
  anyAmount.map(correct),
  fc.constantFrom<Command>(settle, reset()),
);
export const anyHistory = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), anyCommand), { maxLength: 40 });
