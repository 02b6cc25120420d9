/** The audit itself: every law that the platform promises, tried on its databases. */
import { z } from "zod";
import { laws as creditsLaws } from "@tollbooth/credits/laws";
import { laws as couponsLaws } from "@tollbooth/coupons/laws";
import { verify } from "@tollbooth/credits/verify";
import { laws as openrouterLaws } from "@tollbooth/openrouter/laws";
import type { Db, Tx } from "@tollbooth/shared/db";
import { LETTER_WAITS } from "@tollbooth/shared/dead-letters";
import { breachesOf, type Law } from "@tollbooth/shared/law";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { laws as usageLaws } from "@tollbooth/usage/laws";
import { OWNERS, type Owner } from "./databases.ts";
import {
  chatsWithoutEvent,
  SHOWN_MAX,
  summary,
  sumsThatDiffer,
  unappliedEvents,
  unawardedRedemptions,
  type Books,
} from "./reconcile.ts";
import { putAway } from "./put-away.ts";
import { rootsThatDiffer } from "./roots.ts";
import { plainKeys } from "./secrets.ts";

export interface Finding {
  /** Its number in docs/ARCHITECTURE.md, "What must hold". */
  readonly invariant: number;
  /** Whose books; "all": it lies between them, so that what is on its way can look like a breach. */
  readonly of: Owner | "all";
  readonly says: string;
  /** Where it does not hold; empty where it holds. */
  readonly breaches: readonly string[];
}

/** Tries every law; in the order of the invariants' numbers. */
export async function audit(books: Books): Promise<Finding[]> {
  const findings: Finding[] = [
    ...(await ofOne(books.credits, "credits", creditsLaws)),
    ...(await ofOne(books.usage, "usage", usageLaws)),
    ...(await ofOne(books.coupons, "coupons", couponsLaws)),
    ...(await ofOne(books.openrouter, "openrouter", openrouterLaws)),
    await chainFinding(books),
    ...(await between(books)),
    {
      invariant: 7,
      of: "all",
      says: "nothing waits to be confirmed",
      breaches: await onTheWay(books),
    },
    {
      invariant: 7,
      of: "all",
      says: "no dead letter waits for an operator",
      breaches: await ofAll(books, deadLetters),
    },
    {
      invariant: 11,
      of: "all",
      says: "no provider's key stands in plain text in any table",
      breaches: await ofAll(books, plainKeys),
    },
  ];
  return findings.toSorted((a, b) => a.invariant - b.invariant);
}

/** The audit, once all is quiet or should be: every law, what the kept roots say, and whether it became quiet in time. */
export async function auditWhenQuiet(books: Books, roots: string, withinMs: number): Promise<Finding[]> {
  const isQuiet = await quiet(books, withinMs);
  const { checked, breaches } = await rootsThatDiffer(books.credits, roots);
  const findings: Finding[] = [
    ...(await audit(books)),
    { invariant: 1, of: "credits", says: `the journals are what ${checked} kept roots say they were`, breaches },
    {
      invariant: 13,
      of: "all",
      says: `everything is quiet within ${withinMs / 1000} s`,
      breaches: isQuiet ? [] : ["facts still wait: see 7"],
    },
  ];
  return findings.toSorted((a, b) => a.invariant - b.invariant);
}

/** Waits until every fact has been confirmed by its consumer; answers whether that came in time. */
export function quiet(books: Books, withinMs: number): Promise<boolean> {
  return until(async () => (await onTheWay(books)).length === 0, withinMs);
}

async function onTheWay(books: Books): Promise<string[]> {
  return [...(await ofAll(books, waiting)), ...(await untold(books))];
}

/** Chats that usage is still to be told of. */
async function untold({ openrouter }: Books): Promise<string[]> {
  const rows = await openrouter.many(
    z.object({ id: z.string(), user: z.string() }),
    sql`select request_id as id, user_id as user from routed_requests where report is not null and recorded_at is null
        order by next_at, user_id, request_id limit ${SHOWN_MAX}`,
  );
  return rows.map(({ id, user }) => `openrouter: the chat ${id} of ${user} is not told to usage yet`);
}

/** Reads as of one moment and changes nothing: what is written meanwhile is no breach. */
function atOnce<T>(db: Db, look: (tx: Tx) => Promise<T>): Promise<T> {
  return db.tx(async (tx) => {
    await tx.run(sql`set transaction isolation level repeatable read, read only`);
    return look(tx);
  });
}

function ofOne(db: Db, of: Owner, laws: readonly Law[]): Promise<Finding[]> {
  return atOnce(db, async (tx) => {
    const findings: Finding[] = [];
    for (const law of laws)
      findings.push({ of, invariant: law.invariant, says: law.says, breaches: await breachesOf(tx, law) });
    return findings;
  });
}

async function chainFinding({ credits }: Books): Promise<Finding> {
  const { users, lines, breaks } = await atOnce(credits, (tx) => verify(tx));
  const says = `the hash chains of ${users} journals hold, ${lines} lines`;
  return { invariant: 1, of: "credits", says, breaches: breaks };
}

async function between(books: Books): Promise<Finding[]> {
  const away = await putAway(books);
  const chats = await chatsWithoutEvent(books);
  const events = await summary(unappliedEvents(books), away.ids);
  const awards = await summary(unawardedRedemptions(books), away.ids);
  return [
    {
      invariant: 2,
      of: "all",
      says: "what usage charged is what credits took, for every user",
      breaches: await sumsThatDiffer(books, away.charged),
    },
    {
      invariant: 6,
      of: "all",
      says: `each of ${awards.checked} redemptions was awarded, for what its coupon is worth`,
      breaches: awards.breaches,
    },
    { invariant: 4, of: "all", says: `each of ${events.checked} events was applied`, breaches: events.breaches },
    {
      invariant: 4,
      of: "all",
      says: `each of ${chats.checked} chats with OpenRouter is an event`,
      breaches: chats.breaches,
    },
  ];
}

async function ofAll(books: Books, look: (db: Db) => Promise<string[]>): Promise<string[]> {
  const told = OWNERS.map(async (owner) => (await look(books[owner])).map((breach) => `${owner}: ${breach}`));
  return (await Promise.all(told)).flat();
}

async function waiting(db: Db): Promise<string[]> {
  const rows = await db.many(
    z.object({ id: z.string(), subject: z.string(), user: z.string().nullable(), refused: z.string().nullable() }),
    sql`select event_id as id, subject, payload->>'user_id' as user, case when failed_at is not null then coalesce(last_error, 'no reason') end as refused
        from outbox order by outbox.id limit ${SHOWN_MAX}`,
  );
  return rows.map(({ id, subject, user, refused }) =>
    refused === null
      ? `${subject} ${id} of ${user} is not confirmed`
      : `${subject} ${id} of ${user} was refused by the broker for good: ${refused}`,
  );
}

async function deadLetters(db: Db): Promise<string[]> {
  const rows = await db.many(
    z.object({ id: z.string(), subject: z.string(), reason: z.string() }),
    sql`select id, subject, reason from dead_letters where ${LETTER_WAITS} order by id limit ${SHOWN_MAX}`,
  );
  return rows.map((row) => `dead letter ${row.id} on ${row.subject}: ${row.reason}`);
}
