/** Which index answers which query of ours. An index that no query uses costs every write and helps nobody. */
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { sql } from "@tollbooth/shared/sql";
import { OWNERS, type Owner } from "./databases.ts";
import { openBooks } from "./ledgers.ts";
import { testRoles } from "./testing/roles.ts";

const { urls } = await testRoles();
const books = openBooks(urls.databaseUrls, "test");
afterAll(() => books.close());

const ID = "'01a20336-ebf3-72f9-af4f-4973753bd613'";
/** Queries that every service has: packages/shared/src/{relay,confirmer,outbox,inbox,dead-letters,idempotency}.ts. */
// prettier-ignore
const delivery: Readonly<Record<string, string>> = {
  outbox_due:         "select id from outbox where published_at is null and failed_at is null and next_at <= now() order by next_at, id limit 500",
  outbox_sent:        "select id from outbox where published_at is not null and subject = any('{usage.tracked}') and id > 0 order by id limit 500",
  outbox_pkey:        "delete from outbox where id = any('{1,2}')",
  outbox_event_id_key: `insert into outbox (event_id, subject, headers, payload) values (${ID}, 's', '{}', '{}') on conflict (event_id) do nothing`,
  inbox_pkey:         `select outcome from inbox i join unnest('{ann}'::text[], array[${ID}]::uuid[]) as k (user_id, event_id) using (user_id, event_id) where consumer = 'credits'`,
  dead_letters_pkey:  "select id from dead_letters where redriven_at is null and id > 0 order by id limit 50",
  dead_letters_open:  "insert into dead_letters (stream, seq, subject, headers, body, reason) values ('S', 1, 's', '{}', '', 'r') on conflict (stream, seq, sha256(body)) where redriven_at is null do nothing",
  commands_pkey:      "select answer from commands c join unnest('{ann}'::text[], '{k}'::text[]) as k (user_id, key) using (user_id, key)",
  commands_age:       "select ctid from commands where created_at < now() - interval '100 days' limit 5000",
};

// prettier-ignore
const queries: Readonly<Record<Owner, Readonly<Record<string, string>>>> = {
  credits: {
    inbox_age:                   "select ctid from inbox where processed_at < now() - interval '100 days' limit 5000",
    user_credits_pkey:           "select * from user_credits where user_id = any('{ann,bob}') order by user_id for update",
    user_credits_due:            "select user_id from user_credits where next_due_at <= clock_timestamp() order by next_due_at limit 500",
    credit_lots_open:            "select * from credit_lots where user_id = any('{ann,bob}') and open",
    credit_lots_pkey:            "select * from credit_lots where (user_id, lot) in (select * from unnest('{ann}'::text[], '{1}'::int[]) as n (user_id, lot))",
    credit_transactions_pkey:    "select * from credit_transactions where user_id = 'ann' order by seq desc limit 51",
    credit_transactions_by_type: "select * from credit_transactions where user_id = 'ann' and transaction_type = 'usage' order by seq desc limit 51",
    credit_transactions_id:      `select * from credit_transactions where user_id = 'ann' and id = ${ID}`,
    credit_transactions_refunds: "select amount, draws from credit_transactions where user_id = 'ann' and refunds = 7",
    credit_holds_active:         "select * from credit_holds where state = 'active' and user_id = any('{ann,bob}')",
    credit_holds_pkey:           "select * from credit_holds where user_id = 'ann' and hold_id = 'h'",
    discounts_unused:            "select id, kind, value from discounts where user_id = any('{ann,bob}') and used_in is null order by user_id, added_at, id",
    discounts_pkey:              "update discounts set used_in = 1 where user_id = 'ann' and id = 'd'",
    period_charges_once:         "insert into period_charges (user_id, number, why, tier, period_start, price, due, at) values ('ann', 1, 'period', 'trial', now(), 0, 0, now()) on conflict (user_id, period_start) where why = 'period' do nothing",
  },
  usage: {
    usage_event_ids_pkey:        "select outcome from usage_event_ids i join unnest('{ann}'::text[], '{user}'::text[], '{e}'::text[]) as k (user_id, source, event_id) on (i.user_id, i.source, i.event_id) = (k.user_id, k.source, k.event_id)",
    price_quarantine_pkey:       "select * from price_quarantine where service = 'openrouter' and model = 'a/b'",
    usage_event_ids_age:         "select ctid from usage_event_ids where recorded_at < now() - interval '100 days' limit 5000",
    usage_events_default_pkey:   "select * from usage_events where user_id = 'ann' and occurred_at >= now() - interval '1 hour' and occurred_at < now()",
    usage_hours_pkey:            "select * from usage_hours where user_id = 'ann' and bucket >= now() - interval '1 day' and bucket < now()",
    usage_days_pkey:             "select * from usage_days where user_id = 'ann' and bucket >= now() - interval '30 days' and bucket < now()",
  },
  openrouter: {
    openrouter_accounts_pkey:    "select user_id, vault_key_id, sealed_key from openrouter_accounts where vault_key_id <> 'a' and user_id > 'ann' order by user_id limit 100 for update",
    openrouter_settings_pkey:    "select auto_clamp, fallback_to_credits from openrouter_settings where user_id = 'ann'",
    routed_requests_pkey:        "update routed_requests set state = 'recorded' where user_id = 'ann' and request_id = 'r' and state = 'answered'",
    routed_requests_due:         "select user_id, request_id, report from routed_requests where state not in ('recorded', 'lost') and next_at <= clock_timestamp() order by next_at limit 20",
    routed_requests_age:         "select ctid from routed_requests where started_at < now() - interval '100 days' and state in ('recorded', 'lost') limit 5000",
  },
  coupons: {
    coupon_codes_code_key:       "select * from coupon_codes where code = any('{A,B}') order by code for update",
    coupon_codes_pkey:           "select * from coupon_codes order by id desc limit 101",
    coupon_redemptions_pkey:     "select from coupon_redemptions where code = 'A' and user_id = 'ann'",
    coupon_redemptions_id_key:   `select id from coupon_redemptions where id > ${ID} and redeemed_at > now() - interval '99 days' order by id limit 5000`,
  },
};

const all = OWNERS.flatMap((of) =>
  Object.entries({ ...delivery, ...queries[of] }).map(([index, query]) => ({ of, index, query })),
);

test.each(all)("$of answers by $index: $query", async ({ of, index, query }) => {
  const plan = await books[of].tx(async (tx) => {
    await tx.run(sql`set local enable_seqscan = off`);
    await tx.run(sql`set local enable_sort = off`);
    return tx.one(z.object({ "QUERY PLAN": z.unknown() }), { text: `explain (format json) ${query}`, values: [] });
  });
  expect(JSON.stringify(plan)).toContain(`"${index}"`);
});

test.each(OWNERS)(
  "every index of %s that is not a key of its table answers a query that is named above",
  async (owner) => {
    const indexes = await books[owner].many(
      z.object({ name: z.string() }),
      sql`select i.indexrelid::regclass::text as name from pg_index i join pg_class c on c.oid = i.indrelid
        where c.relnamespace = 'public'::regnamespace and not c.relispartition
          and not exists (select from pg_constraint r where r.conindid = i.indexrelid)`,
    );
    const named = new Set(all.filter(({ of }) => of === owner).map(({ index }) => index));
    expect(indexes.map(({ name }) => name).filter((name) => !named.has(name))).toEqual([]);
  },
);

test("15 indexes and more are used", () => {
  expect(new Set(all.map(({ index }) => index)).size).toBeGreaterThan(15);
});
