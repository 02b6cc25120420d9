/** All SQL of coupons. */
import { z } from "zod";
import type { Tx } from "@tollbooth/shared/db";
import { MoneyText, print, type Money } from "@tollbooth/shared/money";
import { sql, table } from "@tollbooth/shared/sql";
import type { Coupon, CouponType } from "./redemption.ts";

const CouponRow = z
  .object({
    id: z.string(),
    code: z.string(),
    coupon_type: z.enum(["free_month", "credit_bonus", "percentage_discount", "fixed_discount"]),
    value: MoneyText,
    description: z.string().nullable(),
    max_uses: z.number().nullable(),
    used_count: z.number(),
    expires_at: z.number().nullable(),
    is_active: z.boolean(),
    created_by: z.string(),
    created_at: z.number(),
    updated_at: z.number(),
  })
  .transform((row): Coupon => ({
    id: row.id,
    code: row.code,
    type: row.coupon_type,
    value: row.value,
    description: row.description,
    maxUses: row.max_uses,
    usedCount: row.used_count,
    expiresAt: row.expires_at,
    isActive: row.is_active,
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }));

const COLUMNS = sql`id, code, coupon_type, value, description, max_uses, used_count, expires_at, is_active, created_by, created_at, updated_at`;

export interface NewCoupon {
  readonly code: string;
  readonly type: CouponType;
  readonly value: Money;
  readonly description: string | null;
  readonly maxUses: number | null;
  readonly expiresAt: number | null;
  readonly createdBy: string;
}

/** Adds a coupon; undefined where its code is taken. */
export function addCoupon(tx: Tx, coupon: NewCoupon): Promise<Coupon | undefined> {
  const expires = coupon.expiresAt === null ? null : new Date(coupon.expiresAt);
  return tx.maybe(
    CouponRow,
    sql`insert into coupon_codes (code, coupon_type, value, description, max_uses, expires_at, created_by)
        values (${coupon.code}, ${coupon.type}, ${print(coupon.value)}, ${coupon.description}, ${coupon.maxUses}, ${expires}, ${coupon.createdBy})
        on conflict (code) do nothing returning ${COLUMNS}`,
  );
}

/** Coupons end by the database's clock, which is one for all replicas. */
export async function clockMs(tx: Tx): Promise<number> {
  return (await tx.one(z.object({ now: z.number() }), sql`select clock_timestamp() as now`)).now;
}

/** One coupon. */
export function readCoupon(tx: Tx, code: string): Promise<Coupon | undefined> {
  return tx.maybe(CouponRow, sql`select ${COLUMNS} from coupon_codes where code = ${code}`);
}

/** Whether a user has redeemed a coupon. */
export async function hasRedeemed(tx: Tx, code: string, userId: string): Promise<boolean> {
  const { has } = await tx.one(
    z.object({ has: z.boolean() }),
    sql`select exists (select from coupon_redemptions where code = ${code} and user_id = ${userId}) as has`,
  );
  return has;
}

/** Locks the coupons of a batch, in the order of their codes; by code. */
export async function lockCoupons(tx: Tx, codes: readonly string[]): Promise<Map<string, Coupon>> {
  const sorted = [...new Set(codes)].toSorted();
  const rows = await tx.many(
    CouponRow,
    sql`select ${COLUMNS} from coupon_codes where code = any(${sorted}) order by code for update`,
  );
  return new Map(rows.map((coupon) => [coupon.code, coupon]));
}

export interface Redemption {
  readonly id: string;
  readonly code: string;
  readonly userId: string;
  readonly creditsAwarded: Money;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly redeemedAt: number;
}

/** Which of these were redeemed before, as `code user`. */
export async function readRedeemed(
  tx: Tx,
  wanted: readonly Pick<Redemption, "code" | "userId">[],
): Promise<Set<string>> {
  const keys = table({ code: "text", userId: "text" }, wanted);
  const rows = await tx.many(
    z.object({ code: z.string(), user_id: z.string() }),
    sql`select r.code, r.user_id from coupon_redemptions r join ${keys} as k (code, user_id) using (code, user_id)`,
  );
  return new Set(rows.map((row) => `${row.code} ${row.user_id}`));
}

/** Writes redemptions and counts them at their coupons. The table's checks refuse one too many, whatever our rules say. */
export async function saveRedemptions(tx: Tx, redemptions: readonly Redemption[]): Promise<void> {
  if (redemptions.length === 0) return;
  const rows = redemptions.map((redemption) => ({
    code: redemption.code,
    user_id: redemption.userId,
    id: redemption.id,
    credits: print(redemption.creditsAwarded),
    metadata: JSON.stringify(redemption.metadata),
    at: new Date(redemption.redeemedAt).toISOString(),
  }));
  const columns = {
    code: "text",
    user_id: "text",
    id: "uuid",
    credits: "numeric",
    metadata: "jsonb",
    at: "timestamptz",
  };
  await tx.run(
    sql`insert into coupon_redemptions (code, user_id, id, credits_awarded, metadata, redeemed_at) select * from ${table(columns, rows)}`,
  );
  await tx.run(
    sql`update coupon_codes c set used_count = c.used_count + n.count
        from (select code, count(*)::int as count from unnest(${rows.map((row) => row.code)}::text[]) as r (code) group by code) n where c.code = n.code`,
  );
}

interface Page {
  readonly activeOnly: boolean;
  readonly limit: number;
  readonly offset: number;
  /** The id that the page before ended with. */
  readonly cursor?: string | undefined;
}

/** A page of coupons, newest first, and where the next one starts, if there is one. */
export async function readCoupons(
  tx: Tx,
  { activeOnly, limit, offset, cursor }: Page,
): Promise<{ coupons: Coupon[]; next?: string | undefined }> {
  const active = activeOnly ? sql`and code in (select code from active_coupons)` : sql``;
  const before = cursor === undefined ? sql`true` : sql`id < ${cursor}`;
  const rows = await tx.many(
    CouponRow,
    sql`select ${COLUMNS} from coupon_codes where ${before} ${active}
        order by id desc limit ${limit + 1} offset ${cursor === undefined ? offset : 0}`,
  );
  const coupons = rows.slice(0, limit);
  return { coupons, next: rows.length > limit ? coupons.at(-1)?.id : undefined };
}

/** Ends a coupon; answers whether there is such a one. */
export async function endCoupon(tx: Tx, code: string): Promise<boolean> {
  return (await tx.run(sql`update coupon_codes set is_active = false where code = ${code}`)) === 1;
}

/** What became of a coupon. */
export function readStats(tx: Tx, code: string) {
  return tx.one(
    z.object({
      redemptions: z.coerce.number(),
      credits: MoneyText,
      first_at: z.number().nullable(),
      last_at: z.number().nullable(),
    }),
    sql`select count(*) as redemptions, coalesce(sum(credits_awarded), 0) as credits, min(redeemed_at) as first_at, max(redeemed_at) as last_at
        from coupon_redemptions where code = ${code}`,
  );
}
