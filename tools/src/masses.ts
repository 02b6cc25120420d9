/**
 * Rows by the million, made in the databases by the databases: for tests and benches that ask what becomes of reads when
 * tables are large. Sums agree with their events, and balances with lots and journals, so that whatever reads or posts finds
 * what it would find; only the chains of hashes are none, and no service has told another of these rows.
 */
import type { Db } from "@tollbooth/shared/db";
import { sql, type Sql } from "@tollbooth/shared/sql";

/** What one statement makes. */
const ROWS_A_STATEMENT = 200_000;
const SUMMED_DAYS = 7;
const DAY_MS = 86_400_000;

export interface EventMass {
  readonly count: number;
  /** They are shared out evenly among so many users, who are called `<prefix>-0` and so on. */
  readonly users: number;
  readonly prefix: string;
  /** Evenly, in days up to now. */
  readonly days: number;
  /** So many days back their identities are kept, by which a repeat is known. */
  readonly knownDays: number;
}

/** Usage events of five models, each of one service, with their identities as long as those are kept, and the sums by hour and by day. */
export async function addEvents(db: Db, { count, users, prefix, days, knownDays }: EventMass): Promise<void> {
  const from = new Date(Date.now() - days * DAY_MS);
  const until = new Date();
  await patiently(
    db,

    sql`select make_usage_month(m) from generate_series(date_trunc('month', ${from}::timestamptz, 'UTC'), ${until}::timestamptz, '1 month') m
        where to_regclass('usage_events_' || to_char(m at time zone 'UTC', 'YYYY_MM')) is null`,
  );
  const step = ((until.getTime() - from.getTime()) / count / 1000).toFixed(6);
  for (const [first, last] of stretches(count)) {
    await patiently(
      db,

      sql`insert into usage_events (user_id, occurred_at, id, source, event_id, service, model, tokens_used, input_tokens, output_tokens, cached_tokens,
            cache_write_tokens, reasoning_tokens, split_assumed, basis, markup_class, markup_rate, provider_cost, platform_markup, total_cost, charged,
            free_value, is_free, byok, created_at)
          select ${prefix} || '-' || n % ${users}, at, ${idOf(prefix, sql`n`)}, 'mass', ${prefix} || n,
            (array['openrouter', 'openai', 'search'])[1 + n % 5 % 3], 'model-' || n % 5, 1500, 1200, 300, 0, 0, 0, false, 'cost', 'budget', 0.05,
            0.0004, 0.00002, 0.00042, 0.00042, 0, false, false, at
          from generate_series(${first}::int, ${last}::int) n, lateral (select ${from}::timestamptz + n * ${step}::float8 * interval '1 second' as at) t`,
    );
    await patiently(
      db,

      sql`insert into usage_event_ids (user_id, source, event_id, outcome, id, occurred_at, content_hash, recorded_at)
          select ${prefix} || '-' || n % ${users}, 'mass', ${prefix} || n, 'recorded', ${idOf(prefix, sql`n`)}, at, '', at
          from generate_series(${first}::int, ${last}::int) n, lateral (select ${from}::timestamptz + n * ${step}::float8 * interval '1 second' as at) t
          where at > now() - ${knownDays}::int * interval '1 day'`,
    );
  }
  await addSums(db, from, until, prefix);
  await patiently(db, sql`analyze`);
}

/** The sums of hours, some days at a time, and of them those of days. */
async function addSums(db: Db, from: Date, until: Date, prefix: string): Promise<void> {
  for (let at = from.getTime(); at < until.getTime(); at += SUMMED_DAYS * DAY_MS) {
    const [first, end] = [dayOf(new Date(at)), dayOf(new Date(at + SUMMED_DAYS * DAY_MS))];
    const ofUsers = sql`user_id like ${`${prefix}-%`}`;
    await patiently(
      db,

      sql`insert into usage_hours (user_id, bucket, service, model, is_free, event_count, tokens, input_tokens, output_tokens, cached_tokens,
            cache_write_tokens, reasoning_tokens, provider_cost, total_cost, charged)
          select user_id, date_trunc('hour', occurred_at, 'UTC'), service, model, is_free, count(*), sum(tokens_used), sum(input_tokens),
            sum(output_tokens), sum(cached_tokens), sum(cache_write_tokens), sum(reasoning_tokens), sum(provider_cost), sum(total_cost), sum(charged)
          from usage_events where ${ofUsers} and occurred_at >= ${first} and occurred_at < ${end} group by 1, 2, 3, 4, 5`,
    );
    await patiently(
      db,

      sql`insert into usage_days (user_id, bucket, service, model, is_free, event_count, tokens, input_tokens, output_tokens, cached_tokens,
            cache_write_tokens, reasoning_tokens, provider_cost, total_cost, charged)
          select user_id, date_trunc('day', bucket, 'UTC'), service, model, is_free, sum(event_count), sum(tokens), sum(input_tokens),
            sum(output_tokens), sum(cached_tokens), sum(cache_write_tokens), sum(reasoning_tokens), sum(provider_cost), sum(total_cost), sum(charged)
          from usage_hours where ${ofUsers} and bucket >= ${first} and bucket < ${end} group by 1, 2, 3, 4, 5`,
    );
  }
}

function dayOf(at: Date): Sql {
  return sql`date_trunc('day', ${at}::timestamptz, 'UTC')`;
}

export interface AccountMass {
  readonly count: number;
  /** The users are called `<prefix>-0` and so on. */
  readonly prefix: string;
  /** Journal lines of each: a purchase of 1,000 credits and uses of 1. */
  readonly lines: number;
}

/** Users of credits, whose periods have just begun, with a lot and a journal. */
export async function addAccounts(db: Db, { count, prefix, lines }: AccountMass): Promise<void> {
  for (const [first, last] of stretches(count, lines)) {
    const users = sql`(select n, ${prefix} || '-' || n as id from generate_series(${first}::int, ${last}::int) n) u`;
    await patiently(
      db,

      sql`insert into user_credits (user_id, tier, balance, last_seq, last_lot, last_charge, head_hash, anchor_at, period_start, reset_at, next_due_at,
            created_at, updated_at)
          select id, 'trial', 1001 - ${lines}::int, ${lines}, 1, 0, repeat('0', 64), now(), now(), now() + interval '1 month', now() + interval '1 month', now(), now()
          from ${users}`,
    );
    await patiently(
      db,

      sql`insert into credit_lots (user_id, lot, kind, granted, remaining, priority, active, effective_at)
          select id, 1, 'purchase', 1000, 1001 - ${lines}::int, 30, true, now() from ${users}`,
    );
    await patiently(
      db,

      sql`insert into credit_transactions (user_id, seq, id, transaction_type, amount, balance_after, counterparty, service, draws, actor_sub, actor_role,
            metadata, created_at, posted_at, hash)
          select id, seq, ${idOf(prefix, sql`n * 1000 + seq`)}, case seq when 1 then 'allocation' else 'usage' end, case seq when 1 then 1000 else -1 end, 1001 - seq,
            case seq when 1 then 'issuance' else 'usage:mass' end, case seq when 1 then null else 'mass' end,
            json_build_array(json_build_object('lot', 1, 'amount', case seq when 1 then '1000' else '-1' end)), 'mass', 'service', '{}', now(), now(),
            repeat('0', 64)
          from ${users}, generate_series(1, ${lines}::int) seq`,
    );
  }
  await patiently(db, sql`analyze`);
}

/** However long it takes: a disk that is busy for once is no mistake. */
async function patiently(db: Db, query: Sql): Promise<void> {
  await db.tx(async (tx) => {
    await tx.run(sql`set local statement_timeout = 0`);
    await tx.run(query);
  });
}

/** Ids in the order of numbers, other ones for each prefix: what is added at the end of an index is added quickly. */
function idOf(prefix: string, n: Sql): Sql {
  return sql`(lpad(to_hex(abs(hashtext(${prefix}))), 8, '0') || lpad(to_hex(${n}), 24, '0'))::uuid`;
}

/** From 0: the first and the last of each statement's, where one makes so many rows. */
function stretches(count: number, rows = 1): (readonly [first: number, last: number])[] {
  const size = Math.ceil(ROWS_A_STATEMENT / rows);
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => [i * size, Math.min(count, (i + 1) * size) - 1]);
}
