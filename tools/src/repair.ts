/**
 * What an operator's repair does: it drives again what never had its effect, and leaves everything else to him. It
 * changes outboxes only; whatever it sends has the id it always had, so that who knows it does nothing.
 */
import { z } from "zod";
import type { Bus } from "@tollbooth/shared/bus";
import { confirm } from "@tollbooth/shared/confirmer";
import type { Db } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { Streams, streams as allStreams, type Stream } from "@tollbooth/shared/streams";
import { retell as retellRedemptions } from "@tollbooth/coupons/retelling.store";
import { retell as retellEvents } from "@tollbooth/usage/retelling.store";
import { databaseSetting, OWNERS, type Owner } from "./databases.ts";
import { unappliedEvents, unawardedRedemptions, type Books } from "./reconcile.ts";

export interface Repair {
  readonly of: Owner;
  readonly did: string;
  /** The events that it was done to. */
  readonly events: readonly string[];
}

/** Repairs what can be repaired and answers what it did; nothing where there is nothing to do. Needs the services' own roles. */
export async function repair(books: Books, bus: Bus): Promise<Repair[]> {
  for (const owner of OWNERS) await requireRight(owner, books[owner]);
  const streams = new Streams(bus);
  const repairs: Repair[] = [
    { of: "usage", did: "told again of events that credits never heard of", events: await missedEvents(books) },
    { of: "coupons", did: "told again of redemptions that credits never heard of", events: await missedAwards(books) },
  ];
  for (const owner of OWNERS) {
    const db = books[owner];
    repairs.push(
      { of: owner, did: "made due what the broker had refused and takes now", events: await refused(db, streams) },
      { of: owner, did: "made due what the broker lost", events: await lost(db, streams, bus) },
      { of: owner, did: "ended the wait before the next try of what the broker lost", events: await postponed(db) },
    );
  }
  return repairs.filter(({ events }) => events.length > 0);
}

async function requireRight(owner: Owner, db: Db): Promise<void> {
  const { may } = await db.one(
    z.object({ may: z.boolean() }),
    sql`select has_table_privilege('outbox', 'update') as may`,
  );
  if (!may)
    throw new Error(
      `A repair writes to outboxes, and this role may not: give it ${databaseSetting(owner)} as ${owner} has it.`,
    );
}

async function missedEvents(books: Books): Promise<string[]> {
  const told: string[] = [];
  for await (const { missing } of unappliedEvents(books)) {
    const keys = missing.filter(({ trace }) => trace.is_unknown).map(({ key }) => key);
    if (keys.length > 0) told.push(...(await books.usage.tx((tx) => retellEvents(tx, keys))));
  }
  return told;
}

async function missedAwards(books: Books): Promise<string[]> {
  const told: string[] = [];
  for await (const { missing } of unawardedRedemptions(books)) {
    const ids = missing.filter(({ trace }) => trace.is_unknown).map(({ key }) => key.id);
    if (ids.length > 0) told.push(...(await books.coupons.tx((tx) => retellRedemptions(tx, ids))));
  }
  return told;
}

const Event = z.object({ event_id: z.string() });

/** What headers add to a message on its way, beside those of the row. */
const ENVELOPE_BYTES = 1024;

async function refused(db: Db, streams: Streams): Promise<string[]> {
  const made: string[] = [];
  for (const { name, subjects } of Object.values<Stream>(allStreams)) {
    const max = await streams.messageMax(name);
    if (max === undefined) continue;
    const rows = await db.many(
      Event,
      sql`update outbox set failed_at = null, next_at = now() where failed_at is not null and subject = any(${subjects})
            and octet_length(headers::text) + octet_length(payload::text) <= ${max - ENVELOPE_BYTES} returning event_id`,
    );
    made.push(...rows.map((row) => row.event_id));
  }
  return made;
}

/** The confirmer's own round, now: what it finds lost for certain is due at once or after its usual wait. */
async function lost(db: Db, streams: Streams, bus: Bus): Promise<readonly string[]> {
  const session = await db.session();
  try {
    return (await confirm(session, streams, bus)).lost;
  } finally {
    await session.close();
  }
}

async function postponed(db: Db): Promise<string[]> {
  const rows = await db.many(
    Event,
    sql`update outbox set next_at = now() where published_at is null and failed_at is null and attempts > 0 and next_at > now() returning event_id`,
  );
  return rows.map((row) => row.event_id);
}
