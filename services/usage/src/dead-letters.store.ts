/** The SQL of identities whose report became a dead letter. */
import type { Tx } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { z } from "zod";
import type { Identity } from "./store.ts";

/** Marks an identity as a dead letter's; answers what it was before: `undefined` where nobody had reported it. */
export async function markDead(
  tx: Tx,
  { userId, source, eventId }: Identity,
): Promise<"recorded" | "dead" | undefined> {
  const marked = await tx.run(
    sql`insert into usage_event_ids (user_id, source, event_id, outcome, content_hash) values (${userId}, ${source}, ${eventId}, 'dead', '')
        on conflict (user_id, source, event_id) do nothing`,
  );
  if (marked > 0) return undefined;
  const { outcome } = await tx.one(
    z.object({ outcome: z.enum(["recorded", "dead"]) }),
    sql`select outcome from usage_event_ids where (user_id, source, event_id) = (${userId}, ${source}, ${eventId})`,
  );
  return outcome;
}
