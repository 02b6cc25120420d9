/** The audit itself: every law that the platform promises, tried on its databases. */
import { z } from "zod";
import { laws as creditsLaws } from "@tollbooth/credits/laws";
import { laws as couponsLaws } from "@tollbooth/coupons/laws";
import { laws as openrouterLaws } from "@tollbooth/openrouter/laws";
import { verify } from "@tollbooth/credits/verify";
import type { Db } from "@tollbooth/shared/db";
import { breachesOf, type Law } from "@tollbooth/shared/law";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { laws as usageLaws } from "@tollbooth/usage/laws";
import { OWNERS, type Owner } from "./databases.ts";
import { awardsThatDiffer, eventsWithoutOutcome, sumsThatDiffer, type Books } from "./reconcile.ts";

export interface Finding {
  /** Its number in docs/ARCHITECTURE.md, "What must hold". */
  readonly invariant: number;
  readonly of: Owner | "all";
  readonly says: string;
  /** Where it does not hold; empty where it holds. */
  readonly breaches: readonly string[];
}

/** Tries every law; in the order of the invariants' numbers. */
export async function audit(books: Books): Promise<Finding[]> {
  const own = async (of: Owner, laws: readonly Law[]): Promise<Finding[]> => {
    const findings: Finding[] = [];
    for (const law of laws)
      findings.push({ of, invariant: law.invariant, says: law.says, breaches: await breachesOf(books[of], law) });
    return findings;
  };
  const outcomes = await eventsWithoutOutcome(books);
  const chains = await verify(books.credits);
  const awards = await awardsThatDiffer(books);
  const findings: Finding[] = [
    ...(await own("credits", creditsLaws)),
    ...(await own("usage", usageLaws)),
    ...(await own("coupons", couponsLaws)),
    ...(await own("openrouter", openrouterLaws)),
    {
      invariant: 1,
      of: "credits",
      says: `the hash chains of ${chains.users} journals hold, ${chains.lines} lines`,
      breaches: chains.breaks,
    },
    {
      invariant: 2,
      of: "all",
      says: "what usage charged is what credits took, for every user",
      breaches: await sumsThatDiffer(books),
    },
    {
      invariant: 6,
      of: "all",
      says: `each of ${awards.checked} redemptions was awarded, for what its coupon is worth`,
      breaches: awards.breaches,
    },
    { invariant: 4, of: "all", says: `each of ${outcomes.checked} events was applied`, breaches: outcomes.breaches },
    {
      invariant: 7,
      of: "all",
      says: "nothing waits to be confirmed",
      breaches: await ofAll(books, waiting),
    },
    {
      invariant: 7,
      of: "all",
      says: "no dead letter waits for an operator",
      breaches: await ofAll(books, deadLetters),
    },
  ];
  return findings.toSorted((a, b) => a.invariant - b.invariant);
}

/** Waits until every fact has been confirmed by its consumer; answers whether that came in time. */
export function quiet(books: Books, withinMs: number): Promise<boolean> {
  return until(async () => (await ofAll(books, waiting)).length === 0, withinMs);
}

async function ofAll(books: Books, look: (name: string, db: Db) => Promise<string[]>): Promise<string[]> {
  return (await Promise.all(OWNERS.map((owner) => look(owner, books[owner])))).flat();
}

async function waiting(name: string, db: Db): Promise<string[]> {
  const { count, oldest } = await db.one(
    z.object({ count: z.coerce.number(), oldest: z.coerce.number() }),
    sql`select count(*) as count, coalesce(max(attempts), 0) as oldest from outbox`,
  );
  return count === 0 ? [] : [`${name}: ${count} facts in the outbox, sent again up to ${oldest} times`];
}

async function deadLetters(name: string, db: Db): Promise<string[]> {
  const rows = await db.many(
    z.object({ id: z.string(), subject: z.string(), reason: z.string() }),
    sql`select id, subject, reason from dead_letters where redriven_at is null order by id limit 20`,
  );
  return rows.map((row) => `${name}: dead letter ${row.id} on ${row.subject}: ${row.reason}`);
}
