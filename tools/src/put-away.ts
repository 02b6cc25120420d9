/** What operators have put away for good: facts that credits will never apply, and what they would have charged. */
import { z } from "zod";
import { decimal, ZERO, type Money } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import type { Books } from "./reconcile.ts";

export interface PutAway {
  /** The ids of events and redemptions. */
  readonly ids: ReadonlySet<string>;
  /** By user. */
  readonly charged: ReadonlyMap<string, Money>;
}

const Fact = z.object({ id: z.uuid(), user_id: z.string(), charged: z.string().default("0") });

/** Reads the letters that credits keeps for ever. One whose fact was applied in another way after all counts for nothing. */
export async function putAway({ credits }: Books): Promise<PutAway> {
  const letters = await credits.many(
    z.object({ body: z.instanceof(Buffer) }),
    sql`select body from dead_letters where discarded_at is not null`,
  );
  const facts = new Map(letters.flatMap(({ body }) => factIn(body)).map((fact) => [fact.id, fact]));
  if (facts.size > 0)
    for (const { key } of await credits.many(
      z.object({ key: z.string() }),
      sql`select key from credit_transactions where key = any(${[...facts.keys()].map((id) => `event:${id}`)})`,
    ))
      facts.delete(key.replace("event:", ""));
  const charged = new Map<string, Money>();
  for (const { user_id: user, charged: amount } of facts.values())
    charged.set(user, (charged.get(user) ?? ZERO).plus(decimal(amount)));
  return { ids: new Set(facts.keys()), charged };
}

/** Most letters that are put away cannot be read. */
function factIn(body: Buffer): z.output<typeof Fact>[] {
  try {
    return [Fact.parse(JSON.parse(body.toString("utf8")))];
  } catch {
    return [];
  }
}
