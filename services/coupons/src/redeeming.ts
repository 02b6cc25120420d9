/** Redeeming, many at a time: one transaction a batch, in which a coupon's uses, its awards and its keys agree. */
import { newId } from "@tollbooth/shared/id";
import type { z } from "zod";
import { Batcher } from "@tollbooth/shared/batch";
import { printInstant } from "@tollbooth/shared/contract";
import { couponRedeemed, type redeemCoupon } from "@tollbooth/shared/contracts/coupons";
import { crashPoint } from "@tollbooth/shared/crash";
import { isTransient, type Db, type Tx } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { Reply } from "@tollbooth/shared/handler";
import { Keys, type Keyed } from "@tollbooth/shared/idempotency";
import { print } from "@tollbooth/shared/money";
import { enqueue } from "@tollbooth/shared/outbox";
import { traceHeaders, type TraceHeaders } from "@tollbooth/shared/telemetry";
import { clockMs, lockCoupons, readRedeemed, saveRedemptions, type Redemption } from "./coupons.store.ts";
import { creditsAwarded, refusal, type Coupon } from "./redemption.ts";

/** A user who redeems a code. */
export interface Redeem {
  readonly code: string;
  readonly userId: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly keyed?: Keyed | undefined;
  readonly trace: TraceHeaders;
}

export type Redeemer = Batcher<Redeem, Reply>;

const BATCH_MAX = 500;
const LANES = 2;
const QUEUE_MAX = 10_000;

/** The redeemer of this process: batches, no two of them on one code at once. `onCommit` hears of every batch. */
export function openRedeemer(db: Db, onCommit: () => void): Redeemer {
  return new Batcher<Redeem, Reply>({
    name: "coupons.redeem",
    run: async (redeems) => {
      const outcomes = await db.tx((tx) => redeemAll(tx, redeems));
      crashPoint("redeeming.after-commit");
      onCommit();
      return outcomes;
    },
    keyOf: ({ code }) => code,
    isTransient,
    batchMax: BATCH_MAX,
    lanes: LANES,
    queueMax: QUEUE_MAX,
  });
}

/** Redeems one code. Throws the refusal. */
export function redeem(redeemer: Redeemer, asked: Omit<Redeem, "trace">): Promise<Reply> {
  return redeemer.submit({ ...asked, trace: traceHeaders() });
}

interface Fold {
  readonly nowMs: number;
  readonly coupons: Map<string, Coupon>;
  readonly redeemed: Set<string>;
  readonly made: { redemption: Redemption; coupon: Coupon; trace: TraceHeaders }[];
}

async function redeemAll(tx: Tx, redeems: readonly Redeem[]): Promise<(Reply | Fault)[]> {
  const coupons = await lockCoupons(
    tx,
    redeems.map(({ code }) => code),
  );
  const now = await clockMs(tx);
  const keys = await Keys.recall(
    tx,
    redeems.flatMap(({ keyed }) => keyed ?? []),
  );
  const fold: Fold = { nowMs: now, coupons, redeemed: await readRedeemed(tx, redeems), made: [] };
  const outcomes = redeems.map((asked) => keys.once(asked.keyed, now, () => redeemOne(fold, asked)));
  await saveRedemptions(
    tx,
    fold.made.map(({ redemption }) => redemption),
  );
  await keys.remember(tx);
  await enqueue(tx, couponRedeemed, fold.made.map(factOf));
  crashPoint("redeeming.before-commit");
  return outcomes;
}

function redeemOne(fold: Fold, { code, userId, metadata, trace }: Redeem): Reply | Fault {
  const coupon = fold.coupons.get(code);
  if (coupon === undefined) return new Fault("not_found", "there is no such coupon");
  const refused = refusal(coupon, fold.redeemed.has(`${code} ${userId}`), fold.nowMs);
  if (refused !== undefined) return refused;
  const redemption = {
    id: newId(),
    code,
    userId,
    creditsAwarded: creditsAwarded(coupon),
    metadata,
    redeemedAt: fold.nowMs,
  };
  fold.coupons.set(code, { ...coupon, usedCount: coupon.usedCount + 1 });
  fold.redeemed.add(`${code} ${userId}`);
  fold.made.push({ redemption, coupon, trace });
  const answer: z.input<(typeof redeemCoupon)["output"]> = {
    code,
    coupon_type: coupon.type,
    value: print(coupon.value),
    credits_awarded: print(redemption.creditsAwarded),
    redeemed_at: printInstant(fold.nowMs),
  };
  return new Reply(JSON.stringify(answer));
}

function factOf({ redemption, coupon, trace }: Fold["made"][number]) {
  const data = {
    id: redemption.id,
    user_id: redemption.userId,
    code: coupon.code,
    coupon_type: coupon.type,
    value: print(coupon.value),
    credits_awarded: print(redemption.creditsAwarded),
    redeemed_at: printInstant(redemption.redeemedAt),
  };
  return { id: redemption.id, trace, data };
}
