/** What can be asked of the ledger, as values. */
import type { Money } from "@tollbooth/shared/money";
import type { Actor, CostBreakdown } from "./account.ts";

interface Common {
  readonly actor: Actor;
  readonly key?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** Credits come: what was bought, or awarded. */
export interface Grant extends Common {
  readonly kind: "grant";
  readonly lotKind: "purchase" | "bonus";
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

/** Something was served: never refused. Free usage is an amount of 0 and a value. */
export interface Charge extends Use {
  readonly kind: "charge";
  readonly freeValue: Money;
}

/** Nothing but what time has done: provisions the account, settles what is due. */
export interface Settle {
  readonly kind: "settle";
}

export type Command = Grant | Deduct | Charge | Settle;
