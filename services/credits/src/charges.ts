/** Usage that was recorded becomes a charge: one `usage.tracked` event, one line. */
import { usageTracked } from "@tollbooth/shared/contracts/usage";
import { isTransient, type Db } from "@tollbooth/shared/db";
import { bury, redrive, type Redriven } from "@tollbooth/shared/dead-letters";
import { Inbox } from "@tollbooth/shared/inbox";
import { printInstant } from "@tollbooth/shared/contract";
import type { Reply } from "@tollbooth/shared/handler";
import type { Delivery } from "@tollbooth/shared/streams";
import { z } from "zod";
import { submit, type Poster } from "./posting.ts";
import { CONSUMER } from "./rows.ts";

/** Posts the charge of an event, once. Resolves when it is committed; throws on an event that cannot be read. */
export async function applyCharge(poster: Poster, message: Pick<Delivery, "data">): Promise<void> {
  await postCharge(poster, message.data);
}

async function postCharge(poster: Poster, data: Uint8Array): Promise<Reply> {
  const event = usageTracked.data.parse(JSON.parse(Buffer.from(data).toString("utf8")));
  const { id, user_id, charged, hold_id: holdId, cost_breakdown: cost, free_value, service, model } = event;
  return submit(poster, {
    userId: user_id,
    eventId: id,
    command: {
      kind: "charge",
      amount: charged,
      freeValue: free_value,
      service,
      model: model ?? undefined,
      holdId: holdId ?? undefined,
      cost: { providerCost: cost.provider_cost, markup: cost.markup },
      actor: { sub: event.source, role: "service" },
      key: `event:${id}`,
      metadata: { source: event.source, event_id: event.source_event_id, occurred_at: printInstant(event.occurred_at) },
    },
  });
}

/** Posts a dead letter as if it came now. */
export function redriveCharge(db: Db, poster: Poster, id: string): Promise<Redriven> {
  return redrive(db, id, async ({ body }) => {
    try {
      const { replayed } = await postCharge(poster, body);
      return { status: replayed ? "duplicate" : "recorded" };
    } catch (error) {
      if (isTransient(error)) throw error;
      return { status: "refused", detail: error instanceof Error ? error.message : String(error) };
    }
  });
}

const Named = z.object({ id: z.uuid(), user_id: z.string().min(1).max(255) });

/** Keeps an event that cannot be applied; if it can be told which it is, its sender learns that it is dead. */
export async function buryCharge(db: Db, message: Delivery, reason: string): Promise<void> {
  await db.tx(async (tx) => {
    await bury(tx, message, reason);
    const named = Named.safeParse(readJson(message.data));
    if (!named.success) return;
    const key = { userId: named.data.user_id, eventId: named.data.id };
    const inbox = await Inbox.read(tx, CONSUMER, [key]);
    inbox.take(key, "dead");
    await inbox.write(tx);
  });
}

function readJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString("utf8"));
  } catch {
    return undefined;
  }
}
