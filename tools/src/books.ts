/** The audit itself: every law that the platform promises, tried on its databases. */
import { z } from "zod";
import { laws as creditsLaws } from "@tollbooth/credits/laws";
import { verify } from "@tollbooth/credits/verify";
import type { Db } from "@tollbooth/shared/db";
import { breachesOf } from "@tollbooth/shared/law";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { laws as usageLaws } from "@tollbooth/usage/laws";
import { eventsWithoutOutcome, sumsThatDiffer, type Books } from "./reconcile.ts";

export interface Finding {
  /** Its number in docs/ARCHITECTURE.md, "What must hold". */
  readonly invariant: number;
  readonly of: "credits" | "usage" | "both";
  readonly says: string;
  /** Where it does not hold; empty where it holds. */
  readonly breaches: readonly string[];
}

/** Tries every law; in the order of the invariants' numbers. */
export async function audit(books: Books): Promise<Finding[]> {
  const own = async (of: "credits" | "usage", laws: typeof creditsLaws): Promise<Finding[]> => {
    const findings: Finding[] = [];
    for (const law of laws)
      findings.push({ of, invariant: law.invariant, says: law.says, breaches: await breachesOf(books[of], law) });
    return findings;
  };
  const outcomes = await eventsWithoutOutcome(books);
  const chains = await verify(books.credits);
  const findings: Finding[] = [
    ...(await own("credits", creditsLaws)),
    ...(await own("usage", usageLaws)),
    {
      invariant: 1,
      of: "credits",
      says: `the hash chains of ${chains.users} journals hold, ${chains.lines} lines`,
      breaches: chains.breaks,
    },
    {
      invariant: 2,
      of: "both",
      says: "what usage charged is what credits took, for every user",
      breaches: await sumsThatDiffer(books),
    },
    { invariant: 4, of: "both", says: `each of ${outcomes.checked} events was applied`, breaches: outcomes.breaches },
    {
      invariant: 7,
      of: "both",
      says: "nothing waits to be confirmed",
      breaches: [...(await waiting("usage", books.usage)), ...(await waiting("credits", books.credits))],
    },
    {
      invariant: 7,
      of: "both",
      says: "no dead letter waits for an operator",
      breaches: [...(await deadLetters("usage", books.usage)), ...(await deadLetters("credits", books.credits))],
    },
  ];
  return findings.toSorted((a, b) => a.invariant - b.invariant);
}

/** Waits until every fact has been confirmed by its consumer; answers whether that came in time. */
export function quiet({ usage, credits }: Books, withinMs: number): Promise<boolean> {
  return until(
    async () => (await waiting("usage", usage)).length + (await waiting("credits", credits)).length === 0,
    withinMs,
  );
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
