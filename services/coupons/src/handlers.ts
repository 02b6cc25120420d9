/** What the coupons service answers: each contract joined with what does it. */
import { randomBytes } from "node:crypto";
import type { z } from "zod";
import { printInstant } from "@tollbooth/shared/contract";
import * as contracts from "@tollbooth/shared/contracts/coupons";
import type { Db, Tx } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { handle, Reply, type Context, type Endpoint } from "@tollbooth/shared/handler";
import { Keys, keyed } from "@tollbooth/shared/idempotency";
import { print } from "@tollbooth/shared/money";
import { CODE_BYTES, generatedCode } from "./code.ts";
import { addCoupon, clockMs, endCoupon, hasRedeemed, readCoupon, readCoupons, readStats } from "./coupons.store.ts";
import { isExpired, refusal, type Coupon } from "./redemption.ts";
import { redeem, type Redeemer } from "./redeeming.ts";

/** Everything that the service answers. */
export function endpoints(db: Db, redeemer: Redeemer): Endpoint[] {
  return [...ofUsers(db, redeemer), ...ofAdmins(db)];
}

function ofUsers(db: Db, redeemer: Redeemer): Endpoint[] {
  return [
    handle(contracts.redeemCoupon, (input, context) => {
      const { code, user_id, metadata = {} } = input;
      const key = keyed(contracts.redeemCoupon, input, context);
      return redeem(redeemer, { code, userId: context.onUser(user_id), metadata, keyed: key });
    }),
    handle(contracts.validateCoupon, async ({ code, user_id }, context) => {
      const userId = context.onUser(user_id);
      const coupon = await known(db, code);
      const refused = refusal(coupon, await hasRedeemed(db, code, userId), await clockMs(db));
      const told = {
        code,
        coupon_type: coupon.type,
        value: print(coupon.value),
        expires_at: instantOrNull(coupon.expiresAt),
      };
      return { valid: refused === undefined, ...(refused !== undefined && { reason: refused.code }), coupon: told };
    }),
  ];
}

function ofAdmins(db: Db): Endpoint[] {
  return [
    handle(contracts.createCoupon, (input, context) => create(db, input, context)),
    handle(contracts.listCoupons, async ({ active_only: activeOnly, ...page }) => {
      const [{ coupons, next }, nowMs] = [await readCoupons(db, { activeOnly, ...page }), await clockMs(db)];
      return new Reply(JSON.stringify(coupons.map((coupon) => tell(coupon, nowMs))), { next });
    }),
    handle(contracts.deactivateCoupon, async ({ code }) => {
      if (!(await endCoupon(db, code))) throw new Fault("not_found", "there is no such coupon");
      return { message: `${code} can no longer be redeemed` };
    }),
    handle(contracts.getCoupon, async ({ code }) => tell(await known(db, code), await clockMs(db))),
    handle(contracts.couponStats, async ({ code }) => {
      await known(db, code);
      const { redemptions, credits, first_at, last_at } = await readStats(db, code);
      const times = { first_at: instantOrNull(first_at), last_at: instantOrNull(last_at) };
      return { code, redemptions, credits_awarded: print(credits), ...times };
    }),
  ];
}

function create(db: Db, input: z.output<(typeof contracts.createCoupon)["input"]>, context: Context): Promise<Reply> {
  const { coupon_type: type, value, code, prefix, description = null, max_uses: maxUses = null, expires_at } = input;
  return db
    .tx(async (tx) => {
      const nowMs = await clockMs(tx);
      const key = keyed(contracts.createCoupon, input, context);
      const keys = await Keys.recall(tx, key === undefined ? [] : [key]);
      const before = key && keys.before(key, nowMs);
      if (before instanceof Fault) throw before;
      if (before !== undefined) return before;
      if (expires_at !== undefined && expires_at <= nowMs) {
        throw new Fault("invalid_request", "expires_at must lie in the future", {
          errors: [{ path: "expires_at", message: "is not in the future" }],
        });
      }
      const named = code ?? generatedCode(randomBytes(CODE_BYTES), prefix);
      const createdBy = context.onUser(undefined);
      const made = await addCoupon(tx, {
        code: named,
        type,
        value,
        description,
        maxUses,
        expiresAt: expires_at ?? null,
        createdBy,
      });
      const outcome =
        made === undefined
          ? new Fault("coupon_exists", `there is a coupon ${named} already`)
          : new Reply(JSON.stringify(tell(made, nowMs)));
      keys.once(key, nowMs, () => outcome);
      await keys.remember(tx);
      return outcome;
    })
    .then((outcome) => {
      if (outcome instanceof Fault) throw outcome;
      return outcome;
    });
}

async function known(tx: Tx, code: string): Promise<Coupon> {
  const coupon = await readCoupon(tx, code);
  if (coupon === undefined) throw new Fault("not_found", "there is no such coupon");
  return coupon;
}

function tell(coupon: Coupon, nowMs: number): z.input<typeof contracts.CouponCode> {
  const { maxUses, usedCount } = coupon;
  return {
    code: coupon.code,
    coupon_type: coupon.type,
    value: print(coupon.value),
    description: coupon.description,
    max_uses: maxUses,
    used_count: usedCount,
    remaining_uses: maxUses === null ? null : maxUses - usedCount,
    expires_at: instantOrNull(coupon.expiresAt),
    is_active: coupon.isActive,
    is_expired: isExpired(coupon, nowMs),
    created_by: coupon.createdBy,
    created_at: printInstant(coupon.createdAt),
    updated_at: printInstant(coupon.updatedAt),
  };
}

function instantOrNull(ms: number | null): string | null {
  return ms === null ? null : printInstant(ms);
}
