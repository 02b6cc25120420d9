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
import { awardsThatDiffer, chatsWithoutEvent, eventsWithoutOutcome, sumsThatDiffer, type Books } from "./reconcile.ts";

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
  const findings = [
    ...(await own("credits", creditsLaws)),
    ...(await own("usage", usageLaws)),
    ...(await own("coupons", couponsLaws)),
    ...(await own("openrouter", openrouterLaws)),
    await chained(books),
    ...(await between(books)),
    ...(await waits(books)),
  ];
  return findings.toSorted((a, b) => a.invariant - b.invariant);
}

/** Waits until every fact has been confirmed by its consumer; answers whether that came in time. */
export function quiet(books: Books, withinMs: number): Promise<boolean> {
  return until(async () => (await onTheWay(books)).length === 0, withinMs);
}

async function chained({ credits }: Books): Promise<Finding> {
  const { users, lines, breaks } = await verify(credits);
  const says = `the hash chains of ${users} journals hold, ${lines} lines`;
  return { invariant: 1, of: "credits", says, breaches: breaks };
}

/** What holds between the services' books. */
async function between(books: Books): Promise<Finding[]> {
  const of = "all";
  const charged = "what usage charged is what credits took, for every user";
  const events = await eventsWithoutOutcome(books);
  const chats = await chatsWithoutEvent(books);
  const awards = await awardsThatDiffer(books);
  const awarded = `each of ${awards.checked} redemptions was awarded, for what its coupon is worth`;
  const told = `each of ${chats.checked} chats on users' own keys is an event`;
  return [
    { invariant: 2, of, says: charged, breaches: await sumsThatDiffer(books) },
    { invariant: 6, of, says: awarded, breaches: awards.breaches },
    { invariant: 4, of, says: `each of ${events.checked} events was applied`, breaches: events.breaches },
    { invariant: 4, of, says: told, breaches: chats.breaches },
  ];
}

async function waits(books: Books): Promise<Finding[]> {
  const of = "all";
  return [
    { invariant: 7, of, says: "nothing waits to be confirmed", breaches: await onTheWay(books) },
    { invariant: 7, of, says: "no dead letter waits for an operator", breaches: await ofAll(books, deadLetters) },
  ];
}

async function onTheWay(books: Books): Promise<string[]> {
  return [...(await ofAll(books, waiting)), ...(await untold(books))];
}

/** Chats that usage is still to be told of. */
async function untold({ openrouter }: Books): Promise<string[]> {
  const { count } = await openrouter.one(
    z.object({ count: z.coerce.number() }),
    sql`select count(*) as count from routed_requests where report is not null and recorded_at is null`,
  );
  return count === 0 ? [] : [`openrouter: ${count} chats that usage has not got`];
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
