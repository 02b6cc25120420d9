/** Usage against credits: every event that was recorded was applied once, for exactly what it cost. */
import { z } from "zod";
import type { Db } from "@tollbooth/shared/db";
import type { Owner } from "./databases.ts";
import { decimal, ZERO, type Money } from "@tollbooth/shared/money";
import { sql, table } from "@tollbooth/shared/sql";

/** The database of every service. */
export type Books = Readonly<Record<Owner, Db>>;

const USERS_A_PAGE = 2_000;
const EVENTS_A_PAGE = 5_000;
const SHOWN_MAX = 20;

/** For every user: what usage charged is what credits took for events. Independent of ids. */
export async function sumsThatDiffer(books: Books): Promise<string[]> {
  const found = new Set<string>();
  for (const users of [sql`usage_days`, sql`user_credits`]) {
    const db = users.text === "usage_days" ? books.usage : books.credits;
    for await (const page of pages(db, users)) {
      const [charged, taken] = await Promise.all([
        sums(
          books.usage,
          sql`select user_id, sum(charged) as total from usage_days where user_id = any(${page}) group by user_id`,
        ),
        sums(
          books.credits,
          sql`select user_id, -sum(amount) as total from credit_transactions
              where user_id = any(${page}) and transaction_type = 'usage' and key like 'event:%' group by user_id`,
        ),
      ]);
      for (const user of page) {
        const [owed, paid] = [charged.get(user) ?? ZERO, taken.get(user) ?? ZERO];
        if (!owed.eq(paid)) found.add(`${user}: usage charged ${owed.toFixed()}, credits took ${paid.toFixed()}`);
      }
      if (found.size >= SHOWN_MAX) return [...found];
    }
  }
  return [...found];
}

const EventKey = z.object({ user_id: z.string(), occurred_at: z.number(), id: z.string() });

/** Every event of the last 99 days, free ones too, has exactly one outcome at credits, by its id. */
export async function eventsWithoutOutcome(books: Books): Promise<{ checked: number; breaches: string[] }> {
  let [user, at, id] = ["", 0, "00000000-0000-0000-0000-000000000000"];
  let checked = 0;
  const breaches: string[] = [];
  while (breaches.length < SHOWN_MAX) {
    const events = await books.usage.many(
      EventKey,
      sql`select user_id, occurred_at, id from usage_events
          where (user_id, occurred_at, id) > (${user}, ${new Date(at)}, ${id}::uuid) and created_at > now() - interval '99 days'
          order by user_id, occurred_at, id limit ${EVENTS_A_PAGE}`,
    );
    const wanted = table(
      { user_id: "text", id: "uuid" },
      events.map((event) => ({ user_id: event.user_id, id: event.id })),
    );
    const missing = await books.credits.many(
      z.object({ user_id: z.string(), id: z.string() }),
      sql`select e.user_id, e.id from ${wanted} as e (user_id, id)
          left join inbox i on i.user_id = e.user_id and i.consumer = 'credits' and i.event_id = e.id
          where i.outcome is distinct from 'applied' limit ${SHOWN_MAX}`,
    );
    breaches.push(...missing.map((event) => `${event.user_id}: event ${event.id} was never applied`));
    checked += events.length;
    const last = events.at(-1);
    if (last === undefined || events.length < EVENTS_A_PAGE) break;
    [user, at, id] = [last.user_id, last.occurred_at, last.id];
  }
  return { checked, breaches };
}

const Award = z.object({ user_id: z.string(), id: z.string(), credits: z.string(), code: z.string() });

/** Every redemption of the last 99 days was awarded once: a bonus by one line of its value, the others by one discount. */
export async function awardsThatDiffer(books: Books): Promise<{ checked: number; breaches: string[] }> {
  let after = "00000000-0000-0000-0000-000000000000";
  let checked = 0;
  const breaches: string[] = [];
  while (breaches.length < SHOWN_MAX) {
    const page = await books.coupons.many(
      Award,
      sql`select user_id, id, credits_awarded as credits, code from coupon_redemptions
          where id > ${after}::uuid and redeemed_at > now() - interval '99 days' order by id limit ${EVENTS_A_PAGE}`,
    );
    const columns = { user_id: "text", id: "uuid", credits: "numeric", code: "text" };
    const wrong = await books.credits.many(
      z.object({ breach: z.string() }),
      sql`select r.code || ': redeemed by ' || r.user_id || ', awarded ' || coalesce(t.amount, 0) || ' of ' || r.credits as breach
          from ${table(columns, page)} as r (user_id, id, credits, code)
          left join inbox i on i.user_id = r.user_id and i.consumer = 'credits' and i.event_id = r.id
          left join credit_transactions t on t.user_id = r.user_id and t.transaction_type = 'bonus' and t.key = 'event:' || r.id
          left join discounts d on d.user_id = r.user_id and d.id = r.id::text
          where i.outcome is distinct from 'applied' or coalesce(t.amount, 0) <> r.credits or (r.credits = 0) <> (d.id is not null)
          limit ${SHOWN_MAX}`,
    );
    breaches.push(...wrong.map(({ breach }) => breach));
    checked += page.length;
    const last = page.at(-1);
    if (last === undefined || page.length < EVENTS_A_PAGE) break;
    after = last.id;
  }
  return { checked, breaches };
}

/** Every chat on a user's own key that usage is said to have, of the last 99 days, is an event there, by its id. */
export async function chatsWithoutEvent(books: Books): Promise<{ checked: number; breaches: string[] }> {
  let [user, request] = ["", ""];
  let checked = 0;
  const breaches: string[] = [];
  while (breaches.length < SHOWN_MAX) {
    const page = await books.openrouter.many(
      z.object({ user_id: z.string(), request_id: z.string() }),
      sql`select user_id, request_id from routed_requests
          where (user_id, request_id) > (${user}, ${request}) and recorded_at > now() - interval '99 days'
          order by user_id, request_id limit ${EVENTS_A_PAGE}`,
    );
    const missing = await books.usage.many(
      z.object({ user_id: z.string(), request_id: z.string() }),
      sql`select r.user_id, r.request_id from ${table({ user_id: "text", request_id: "text" }, page)} as r (user_id, request_id)
          where not exists (select from usage_event_ids i where i.user_id = r.user_id and i.source = 'openrouter' and i.event_id = r.request_id and i.outcome = 'recorded')
          limit ${SHOWN_MAX}`,
    );
    breaches.push(...missing.map((chat) => `${chat.user_id}: the chat ${chat.request_id} is no event`));
    checked += page.length;
    const last = page.at(-1);
    if (last === undefined || page.length < EVENTS_A_PAGE) break;
    [user, request] = [last.user_id, last.request_id];
  }
  return { checked, breaches };
}

async function* pages(db: Db, from: ReturnType<typeof sql>): AsyncGenerator<string[]> {
  let after = "";
  for (;;) {
    const rows = await db.many(
      z.object({ user_id: z.string() }),
      sql`select distinct user_id from ${from} as u where user_id > ${after} order by user_id limit ${USERS_A_PAGE}`,
    );
    if (rows.length === 0) return;
    yield rows.map((row) => row.user_id);
    after = rows.at(-1)?.user_id ?? "";
  }
}

async function sums(db: Db, query: ReturnType<typeof sql>): Promise<Map<string, Money>> {
  const rows = await db.many(z.object({ user_id: z.string(), total: z.string() }), query);
  return new Map(rows.map((row) => [row.user_id, decimal(row.total)]));
}
