/** Usage and coupons against credits: everything that was recorded was applied once, for exactly what it is worth. */
import { z } from "zod";
import type { Db } from "@tollbooth/shared/db";
import { decimal, ZERO, type Money } from "@tollbooth/shared/money";
import { sql, table } from "@tollbooth/shared/sql";
import type { Owner } from "./databases.ts";

/** The database of every service. */
export type Books = Readonly<Record<Owner, Db>>;

const USERS_A_PAGE = 2_000;
const EVENTS_A_PAGE = 5_000;
const NO_ID = "00000000-0000-0000-0000-000000000000";
/** No more places of one law are shown. */
export const SHOWN_MAX = 20;

/** For every user: what usage charged, less what was put away, is what credits took for events. Independent of ids. */
export async function sumsThatDiffer(books: Books, putAway: ReadonlyMap<string, Money>): Promise<string[]> {
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
        const owed = (charged.get(user) ?? ZERO).minus(putAway.get(user) ?? ZERO);
        const paid = taken.get(user) ?? ZERO;
        if (!owed.eq(paid)) found.add(`${user}: usage charged ${owed.toFixed()}, credits took ${paid.toFixed()}`);
      }
      if (found.size >= SHOWN_MAX) return [...found];
    }
  }
  return [...found];
}

const EventKey = z.object({ user_id: z.string(), occurred_at: z.number(), id: z.string() });
type EventKey = z.output<typeof EventKey>;

/** What credits knows of something whose effect is not there as it should be. */
const Trace = z.object({
  id: z.string(),
  user_id: z.string(),
  breach: z.string(),
  /** Neither an inbox row nor an effect: to tell it again can double nothing. */
  is_unknown: z.boolean(),
});
export type Trace = z.output<typeof Trace>;

/** One page of what was compared, and what is missing of it. */
interface Compared<K> {
  readonly checked: number;
  readonly missing: readonly { readonly key: K; readonly trace: Trace }[];
}

/** Every event of the last 99 days, free ones too, against its outcome at credits, by its id. */
export async function* unappliedEvents(books: Books): AsyncGenerator<Compared<EventKey>> {
  let [user, at, id] = ["", 0, NO_ID];
  for (;;) {
    const events = await books.usage.many(
      EventKey,
      sql`select user_id, occurred_at, id from usage_events
          where (user_id, occurred_at, id) > (${user}, ${new Date(at)}, ${id}::uuid) and created_at > now() - interval '99 days'
          order by user_id, occurred_at, id limit ${EVENTS_A_PAGE}`,
    );
    const wanted = table<"user_id" | "id">({ user_id: "text", id: "uuid" }, events);
    const traces = await books.credits.many(
      Trace,
      sql`select e.user_id, e.id, e.user_id || ': event ' || e.id || ' was never applied' || coalesce(' (' || i.outcome || ')', '')
            || case when t.seq is not null then ', yet it has line ' || t.seq else '' end as breach, i.outcome is null and t.seq is null as is_unknown
          from ${wanted} as e (user_id, id)
          left join inbox i on i.user_id = e.user_id and i.consumer = 'credits' and i.event_id = e.id
          left join lateral (select min(seq) as seq from credit_transactions t
            where t.user_id = e.user_id and t.key = 'event:' || e.id and i.outcome is distinct from 'applied') t on true
          where i.outcome is distinct from 'applied'`,
    );
    yield compared(events, traces);
    const last = events.at(-1);
    if (last === undefined || events.length < EVENTS_A_PAGE) return;
    [user, at, id] = [last.user_id, last.occurred_at, last.id];
  }
}

const Award = z.object({ user_id: z.string(), id: z.string(), credits: z.string(), code: z.string() });
type Award = z.output<typeof Award>;

/** Every redemption of the last 99 days against its award: a bonus is one line of its value, the others one discount. */
export async function* unawardedRedemptions(books: Books): AsyncGenerator<Compared<Award>> {
  let after = NO_ID;
  for (;;) {
    const page = await books.coupons.many(
      Award,
      sql`select user_id, id, credits_awarded as credits, code from coupon_redemptions
          where id > ${after}::uuid and redeemed_at > now() - interval '99 days' order by id limit ${EVENTS_A_PAGE}`,
    );
    const columns = { user_id: "text", id: "uuid", credits: "numeric", code: "text" };
    const traces = await books.credits.many(
      Trace,
      sql`select r.user_id, r.id, r.code || ': redeemed by ' || r.user_id || ', awarded ' || coalesce(t.amount, 0) || ' of ' || r.credits as breach,
            i.outcome is null and t.amount is null and d.id is null as is_unknown
          from ${table(columns, page)} as r (user_id, id, credits, code)
          left join inbox i on i.user_id = r.user_id and i.consumer = 'credits' and i.event_id = r.id
          left join credit_transactions t on t.user_id = r.user_id and t.transaction_type = 'bonus' and t.key = 'event:' || r.id
          left join discounts d on d.user_id = r.user_id and d.id = r.id::text
          where i.outcome is distinct from 'applied' or coalesce(t.amount, 0) <> r.credits or (r.credits = 0) <> (d.id is not null)`,
    );
    yield compared(page, traces);
    const last = page.at(-1);
    if (last === undefined || page.length < EVENTS_A_PAGE) return;
    after = last.id;
  }
}

function compared<K extends { readonly id: string }>(page: readonly K[], traces: readonly Trace[]): Compared<K> {
  const keys = new Map(page.map((key) => [key.id, key]));
  return { checked: page.length, missing: traces.map((trace) => ({ key: keys.get(trace.id) as K, trace })) };
}

/** How much was compared, and the first places where something is missing that nobody has put away. */
export async function summary(
  comparing: AsyncGenerator<Compared<unknown>>,
  putAway: ReadonlySet<string>,
): Promise<{ checked: number; breaches: string[] }> {
  const found = { checked: 0, breaches: [] as string[] };
  for await (const { checked, missing } of comparing) {
    found.checked += checked;
    found.breaches.push(...missing.filter(({ trace }) => !putAway.has(trace.id)).map(({ trace }) => trace.breach));
    if (found.breaches.length >= SHOWN_MAX) break;
  }
  return { ...found, breaches: found.breaches.slice(0, SHOWN_MAX) };
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
