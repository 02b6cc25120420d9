/** A user's balance as it is told. Pure. */
import type { z } from "zod";
import { printInstant } from "@tollbooth/shared/contract";
import type { CreditBalance } from "@tollbooth/shared/contracts/credits";
import { print, type Money } from "@tollbooth/shared/money";
import { balance, type Account } from "./account.ts";
import { worth } from "./lots.ts";
import type { Tier } from "./period.ts";

export interface BalanceFacts {
  readonly userId: string;
  readonly tier: Pick<Tier, "tier" | "credits">;
  /** Live lots + held - debt. */
  readonly balance: Money;
  readonly held: Money;
  readonly bonus: Money;
  readonly freeTierUsed: Money;
  readonly resetAt: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The facts of an account that is in memory. */
export function factsOf(account: Account): BalanceFacts {
  const { userId, tier, lots, held, freeTierUsed, resetAt, createdAt, updatedAt } = account;
  const bonus = worth(lots, "bonus");
  return { userId, tier, balance: balance(account), held, bonus, freeTierUsed, resetAt, createdAt, updatedAt };
}

/** The answer that the contract promises. */
export function tellBalance(facts: BalanceFacts): z.input<typeof CreditBalance> {
  return {
    user_id: facts.userId,
    balance: print(facts.balance),
    available: print(facts.balance.minus(facts.held)),
    held: print(facts.held),
    allocated_monthly: print(facts.tier.credits),
    bonus_credits: print(facts.bonus),
    free_tier_used: print(facts.freeTierUsed),
    tier: facts.tier.tier,
    reset_date: printInstant(facts.resetAt),
    last_updated: printInstant(facts.updatedAt),
    created_at: printInstant(facts.createdAt),
  };
}
