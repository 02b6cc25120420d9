/** What the platform says of a user, as a statement that adds up, and where it is not what was sent. Pure. */
import type { z } from "zod";
import type { CreditBalance, CreditTransaction } from "@tollbooth/shared/contracts/credits";
import type { usageByModel, UsageSummary } from "@tollbooth/shared/contracts/usage";
import { sum, ZERO, type Money } from "@tollbooth/shared/money";
import type { Expected } from "./plan.ts";

/** The answers of the REST API about one user. */
export interface Answers {
  readonly balance: z.output<typeof CreditBalance>;
  readonly journal: readonly z.output<typeof CreditTransaction>[];
  readonly summary: z.output<typeof UsageSummary>;
  readonly byModel: z.output<(typeof usageByModel)["output"]>;
}

export interface Line {
  readonly service: string;
  readonly model: string | null;
  readonly events: number;
  readonly freeEvents: number;
  readonly tokens: number;
  /** What credits paid, by the journal. */
  readonly charged: Money;
  /** The platform's part of that. */
  readonly markup: Money;
  /** The proxy asked for all of it by the platform's key. */
  readonly isManaged: boolean;
  /** What it cost beside that: the user's own key paid. */
  readonly ownKey: Money;
}

export interface Statement {
  readonly userId: string;
  readonly tier: string;
  /** All that was granted: by the tier, bought, and given. */
  readonly granted: Money;
  readonly byTier: Money;
  readonly bought: Money;
  readonly given: Money;
  /** Dearest first. */
  readonly lines: readonly Line[];
  readonly charged: Money;
  readonly markup: Money;
  readonly ownKey: Money;
  /** What free usage would have cost. */
  readonly freeValue: Money;
  readonly balance: Money;
  readonly debt: Money;
  /** When credits took the last deduction, in milliseconds since 1970. */
  readonly lastChargeMs: number;
}

/** Who reports what the proxy asked OpenRouter for. */
const PROXY = "openrouter";

/** The statement that the answers make. */
export function statementOf({ balance, journal, byModel }: Answers): Statement {
  const amountOf = (is: (line: Answers["journal"][number]) => boolean) =>
    sum(journal.filter(is).map(({ amount }) => amount));
  const charges = journal.filter(isCharge);
  const lines = byModel.map((row): Line => {
    const paid = charges.filter(({ service, model }) => service === row.service && model === row.model);
    const charged = sum(paid.map(({ amount }) => amount.negated()));
    return {
      service: row.service,
      model: row.model,
      events: row.event_count,
      freeEvents: row.free_events,
      tokens: row.total_tokens,
      charged,
      isManaged: paid.length > 0 && paid.every(({ metadata }) => metadata["source"] === PROXY),
      markup: sum(paid.map((line) => line.cost_breakdown?.markup ?? ZERO)),
      ownKey: row.total_cost.minus(charged),
    };
  });
  return {
    userId: balance.user_id,
    tier: balance.tier,
    granted: amountOf((line) => !isCharge(line)),
    byTier: amountOf((line) => !isCharge(line) && line.actor.role === "system"),
    bought: amountOf((line) => line.transaction_type === "allocation" && line.actor.role !== "system"),
    given: amountOf((line) => line.transaction_type === "bonus"),
    lines: lines.toSorted((a, b) => b.charged.cmp(a.charged) || b.events - a.events),
    charged: amountOf(isCharge).negated(),
    markup: sum(lines.map(({ markup }) => markup)),
    ownKey: sum(lines.map(({ ownKey }) => ownKey)),
    freeValue: balance.free_tier_used,
    balance: balance.balance,
    debt: balance.balance.lt(ZERO) ? balance.balance.negated() : ZERO,
    lastChargeMs: Math.max(0, ...charges.map(({ created_at }) => created_at)),
  };
}

function isCharge({ transaction_type: type }: Answers["journal"][number]): boolean {
  return type === "usage";
}

/** What was sent for a user and given to him, by our own record. */
export interface Sent {
  readonly expected: Expected;
  /** What was bought for him and given to him. */
  readonly granted: Money;
}

/** Where the platform's answers differ from our own record or from each other, one sentence each; none where all is well. */
export function differences(answers: Answers, { expected, granted }: Sent): string[] {
  const { balance, summary, byModel, journal } = answers;
  const statement = statementOf(answers);
  const services = Object.keys({ ...summary.services, ...expected.services });
  const claims: Claim[] = [
    ["events", summary.total_events, expected.events],
    ["free events", summary.free_tier_events, expected.freeEvents],
    ["tokens", summary.total_tokens, expected.inputTokens + expected.outputTokens],
    ...services.flatMap((service): Claim[] => [
      [`events of ${service}`, summary.services[service]?.event_count ?? 0, expected.services[service]?.events ?? 0],
      [`tokens of ${service}`, summary.services[service]?.tokens ?? 0, expected.services[service]?.tokens ?? 0],
    ]),
    ["events by model", byModel.reduce((count, row) => count + row.event_count, 0), expected.events],
    ["credits granted by the tier", statement.byTier, balance.allocated_monthly],
    ["credits bought and given", statement.granted.minus(statement.byTier), granted],
    ["credits used by model", sum(statement.lines.map(({ charged }) => charged)), statement.charged],
    ["credits left", balance.balance, statement.granted.minus(statement.charged)],
    ["balance of the last line", journal[0]?.balance_after ?? ZERO, balance.balance],
  ];
  // With a key of one's own the cost and what credits pay are two things.
  if (expected.ownKeyEvents === 0) claims.push(["cost", summary.total_cost, statement.charged]);
  return claims
    .filter(([, said, wanted]) => !isSame(said, wanted))
    .map(([what, said, wanted]) => `${balance.user_id}: ${what}: ${print(said)}, and should be ${print(wanted)}`);
}

type Claim = readonly [what: string, said: number | Money, wanted: number | Money];

function isSame(said: number | Money, wanted: number | Money): boolean {
  return typeof said === "number" || typeof wanted === "number" ? said === wanted : said.eq(wanted);
}

function print(value: number | Money): string {
  return typeof value === "number" ? String(value) : value.toFixed();
}
