/** What must hold of the coupons' tables; the audit and the tests try it. */
import type { Law } from "@tollbooth/shared/law";
import { sql } from "@tollbooth/shared/sql";

export const laws: readonly Law[] = [
  {
    invariant: 6,
    says: "every coupon counts its redemptions, and has no more than it may",
    breaches: sql`
      select c.code || ': counts ' || c.used_count || ' of ' || coalesce(c.max_uses::text, 'unlimited') || ', redemptions ' || count(r.code) as breach
      from coupon_codes c left join coupon_redemptions r using (code)
      group by c.id having c.used_count <> count(r.code) or c.used_count > c.max_uses`,
  },
  {
    invariant: 6,
    says: "no coupon was redeemed outside its time",
    breaches: sql`
      select r.code || ': by ' || r.user_id || ' at ' || r.redeemed_at as breach from coupon_redemptions r join coupon_codes c using (code)
      where r.redeemed_at >= c.expires_at or r.redeemed_at < date_trunc('milliseconds', c.created_at)`,
  },
  {
    invariant: 6,
    says: "every redemption awards what its coupon is worth",
    breaches: sql`
      select r.code || ': awarded ' || r.credits_awarded || ' to ' || r.user_id as breach from coupon_redemptions r join coupon_codes c using (code)
      where r.credits_awarded <> case when c.coupon_type = 'credit_bonus' then c.value else 0 end`,
  },
];
