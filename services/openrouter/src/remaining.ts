/** What a key may still spend, from what OpenRouter tells of it. Pure. */
import { decimal, round12, type Money } from "@tollbooth/shared/money";

/** What OpenRouter tells of the key that asks. */
export interface KeyFacts {
  /** Null: the key has no limit, and nothing is known of what is behind it. */
  readonly limitRemaining: Money | null;
  /** It manages other keys, may ask for the account's credits, and cannot chat. */
  readonly isManagementKey: boolean;
  readonly creatorUserId: string | null;
}

/** What OpenRouter tells of the account, to a management key only: others may be told zeros. */
export interface CreditsFacts {
  readonly totalCredits: Money;
  readonly totalUsage: Money;
}

/** More than a row can hold is as good as no limit. */
const MORE_THAN_KNOWN = decimal("1e15");

/** What the key may still spend; null where that is not known, never a zero that only means so. */
export function remainingOf(key: KeyFacts, credits: CreditsFacts | undefined): Money | null {
  const left = credits === undefined ? key.limitRemaining : credits.totalCredits.minus(credits.totalUsage);
  return left === null || left.abs().gte(MORE_THAN_KNOWN) ? null : round12(left);
}
