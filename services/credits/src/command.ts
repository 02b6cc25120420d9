/** What can be asked of the ledger, as values. */
import type { Money } from "@tollbooth/shared/money";
import type { Actor, CostBreakdown } from "./account.ts";
import type { Discount, Tier } from "./period.ts";

interface Common {
  readonly actor: Actor;
  readonly key?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** Credits come: what was bought, awarded or corrected. */
export interface Grant extends Common {
  readonly kind: "grant";
  readonly lotKind: "purchase" | "bonus" | "adjustment";
  readonly amount: Money;
  readonly reason: string;
  readonly priority?: number | undefined;
  readonly effectiveAt?: number | undefined;
  readonly expiresAt?: number | undefined;
}

interface Use extends Common {
  readonly amount: Money;
  readonly service: string;
  readonly model?: string | undefined;
  readonly cost?: CostBreakdown | undefined;
}

/** Credits are taken, all or nothing. */
export interface Deduct extends Use {
  readonly kind: "deduct";
}

/** Something was served: never refused. Free usage is an amount of 0 and a value. It settles the hold it names. */
export interface Charge extends Use {
  readonly kind: "charge";
  readonly freeValue: Money;
  readonly holdId?: string | undefined;
}

/** What was served is taken out of a hold, where no usage event will do it: refused once the hold is settled. */
export interface CaptureHold extends Use {
  readonly kind: "capture";
  readonly holdId: string;
}

/** Credits are taken by an admin who corrects a mistake: what is not there becomes debt. */
export interface Correct extends Common {
  readonly kind: "correct";
  readonly amount: Money;
  readonly reason: string;
}

/** Credits are set aside. */
export interface CreateHold {
  readonly kind: "hold";
  readonly holdId: string;
  readonly amount: Money;
  readonly ttlMs: number;
}

/** Credits that were set aside come back. */
export interface ReleaseHold {
  readonly kind: "release";
  readonly holdId: string;
}

/** Credits come back: to the lots of the line they were taken by, if it names one. */
export interface Refund extends Common {
  readonly kind: "refund";
  readonly amount: Money;
  readonly reason: string;
  /** The id of the line. */
  readonly transactionId?: string | undefined;
}

/** The user goes to another tier: up now, down at the next reset. */
export interface Switch extends Common {
  readonly kind: "switch";
  readonly tier: Tier;
}

/** The period's credits are granted anew, once a period, by hand. */
export interface Reset extends Common {
  readonly kind: "reset";
  readonly tier?: Tier | undefined;
}

/** The next price due is lowered. */
export interface AddDiscount {
  readonly kind: "discount";
  readonly discount: Discount;
}

/** Nothing but what time has done: provisions the account, settles what is due. */
export interface Settle {
  readonly kind: "settle";
}

export type Command =
  | Grant
  | Deduct
  | Charge
  | CaptureHold
  | Correct
  | CreateHold
  | ReleaseHold
  | Refund
  | Switch
  | Reset
  | AddDiscount
  | Settle;
