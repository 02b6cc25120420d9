/** The events that credits consumes: each is posted once by its subject's own rule, or kept as a dead letter. */
import { z } from "zod";
import { couponRedeemed } from "@tollbooth/shared/contracts/coupons";
import { usageTracked } from "@tollbooth/shared/contracts/usage";
import { isTransient, type Db } from "@tollbooth/shared/db";
import { bury, redrive, type Redriven } from "@tollbooth/shared/dead-letters";
import type { Reply } from "@tollbooth/shared/handler";
import { Inbox } from "@tollbooth/shared/inbox";
import type { Delivery } from "@tollbooth/shared/streams";
import { jsonIn } from "@tollbooth/shared/wire";
import { postAward } from "./awards.ts";
import { postCharge } from "./charges.ts";
import type { Poster } from "./posting.ts";
import { CONSUMER } from "./rows.ts";

/** Posts an event, once. Resolves when it is committed; throws on one that cannot be read. */
export async function applyEvent(poster: Poster, message: Pick<Delivery, "subject" | "json">): Promise<void> {
  await postEvent(poster, message.subject, message.json());
}

function postEvent(poster: Poster, subject: string, data: unknown): Promise<Reply> {
  if (subject === usageTracked.subject) return postCharge(poster, data);
  if (subject === couponRedeemed.subject) return postAward(poster, data);
  throw new Error(`credits does not consume ${subject}`);
}

/** Posts a dead letter as if it came now. */
export function redriveEvent(db: Db, poster: Poster, id: string): Promise<Redriven> {
  return redrive(db, id, async ({ subject, body }) => {
    try {
      const { replayed } = await postEvent(poster, subject, JSON.parse(body.toString("utf8")));
      return { status: replayed ? "duplicate" : "recorded" };
    } catch (error) {
      if (isTransient(error)) throw error;
      return { status: "refused", detail: error instanceof Error ? error.message : String(error) };
    }
  });
}

const Named = z.object({ id: z.uuid(), user_id: z.string().min(1).max(255) });

/** Keeps an event that cannot be applied; if it can be told which it is, its sender learns that it is dead. */
export async function buryEvent(db: Db, message: Delivery, reason: string): Promise<void> {
  await db.tx(async (tx) => {
    await bury(tx, message, reason);
    const named = Named.safeParse(jsonIn(message.data));
    if (!named.success) return;
    const key = { userId: named.data.user_id, eventId: named.data.id };
    const inbox = await Inbox.read(tx, CONSUMER, [key]);
    inbox.take(key, "dead");
    await inbox.write(tx);
  });
}
