/**
 * The databases of all services: 60,000 events and journal lines, and a tenth of that of what grows beside them. A plan that
 * reads an index at this size should do so at a larger one.
 */
import type { Db } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { addAccounts, addEvents } from "../masses.ts";

const EVENTS = 60_000;
const USERS = 3_000;
const MANY = 6_000;
const TWICE_AS_MANY = 12_000;
const ID = sql`lpad(to_hex(n), 32, '0')::uuid`;

/** 3,000 users of 20 journal lines each, with holds, discounts and consumed events. */
export async function fillCredits(db: Db): Promise<void> {
  await untriggered(db, ["credit_lots", "credit_transactions", "credit_holds", "discounts"], async () => {
    await addAccounts(db, { count: USERS, prefix: "user", lines: 20 });
    await db.run(
      sql`insert into credit_holds (user_id, hold_id, state, amount, parts, paid, created_at, expires_at, ended_at)
          select 'user-' || n, 'hold', 'released', 1, '[]', '[]', now(), now(), now() from generate_series(0, ${USERS - 1}::int) n`,
    );
    await db.run(
      sql`insert into discounts (user_id, id, kind, value) select 'user-' || n, 'd', 'fixed', 1 from generate_series(0, ${USERS - 1}::int) n`,
    );
  });
  await db.run(
    sql`insert into inbox (user_id, consumer, event_id, outcome)
        select 'user-' || n % ${USERS}, 'credits', ${ID}, 'applied' from generate_series(1, ${TWICE_AS_MANY}::int) n`,
  );
  await fillDelivery(db);
}

/** 60,000 events of 200 users in 30 days. */
export async function fillUsage(db: Db): Promise<void> {
  await addEvents(db, { count: EVENTS, users: 200, prefix: "user", days: 30, knownDays: 6 });
  await fillDelivery(db);
}

/** 6,000 coupons, and 12,000 redemptions, one in ten of them of one coupon. */
export async function fillCoupons(db: Db): Promise<void> {
  await db.run(
    sql`insert into coupon_codes (code, coupon_type, value, created_by) select 'CODE-' || n, 'credit_bonus', 1, 'mass' from generate_series(0, ${MANY - 1}::int) n`,
  );
  await untriggered(db, ["coupon_redemptions"], async () => {
    await db.run(
      sql`insert into coupon_redemptions (code, user_id, id, credits_awarded, metadata, redeemed_at)
          select 'CODE-' || case n % 10 when 0 then 0 else n % ${MANY} end, 'user-' || n, ${ID}, 1, '{}', now()
          from generate_series(1, ${TWICE_AS_MANY}::int) n`,
    );
  });
  await fillDelivery(db);
}

/** 6,000 connected users, with 2 chats each. */
export async function fillOpenRouter(db: Db): Promise<void> {
  await db.run(
    sql`insert into openrouter_accounts (user_id, connection_id, vault_key_id, sealed_key, key_hint, last_synced, created_at)
        select 'user-' || n, gen_random_uuid(), 'k1', 'gAAAA' || repeat('x', 100), 'hint', now(), now() from generate_series(0, ${MANY - 1}::int) n`,
  );
  await db.run(
    sql`insert into routed_requests (user_id, request_id, model, asked_by, state, payer, is_free)
        select 'user-' || n % ${MANY}, 'chat-' || n, 'model', 'mass', 'lost', 'byok', false from generate_series(1, ${TWICE_AS_MANY}::int) n`,
  );
  await db.run(
    sql`insert into openrouter_links (user_id, state, vault_key_id, sealed_verifier, expires_at)
        select 'user-' || n, repeat('s', 43), 'k1', 'gAAAA' || repeat('x', 100), now() from generate_series(0, ${MANY - 1}::int) n`,
  );
  await db.run(
    sql`insert into openrouter_settings (user_id, auto_clamp, fallback_to_credits) select 'user-' || n, true, false from generate_series(0, ${MANY - 1}::int) n`,
  );
  await fillDelivery(db);
}

async function fillDelivery(db: Db): Promise<void> {
  await db.run(
    sql`insert into commands (user_id, key, request_hash, outcome) select 'user-' || n, 'key', '', 'ok' from generate_series(1, ${MANY}::int) n`,
  );
  await db.run(
    sql`insert into dead_letters (stream, seq, subject, headers, body, reason) select 'MASS', n, 's', '{}', '', 'r' from generate_series(1, ${MANY}::int) n`,
  );
  await db.run(sql`analyze`);
}

/** Without the checks of foreign keys, which take longer than all the rest. */
async function untriggered(db: Db, tables: readonly string[], fill: () => Promise<void>): Promise<void> {
  const all = (verb: string) => tables.map((name) => `alter table ${name} ${verb} trigger all;`).join(" ");
  await db.run({ text: all("disable"), values: [] });
  await fill();
  await db.run({ text: all("enable"), values: [] });
}
