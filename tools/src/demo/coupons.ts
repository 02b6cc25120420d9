/** Coupons of every type: made by an administrator, redeemed by users, and seen in what each has done. */
import Table from "cli-table3";
import { createCoupon, redeemCoupon, type CouponType } from "@tollbooth/shared/contracts/coupons";
import { listTiers } from "@tollbooth/shared/contracts/tiers";
import { decimal, ZERO, type Money } from "@tollbooth/shared/money";
import type { z } from "zod";
import type { Cast } from "./grants.ts";
import { inLanes } from "./lanes.ts";
import type { Scene } from "./scene.ts";
import { PLAIN, trimmed } from "./tables.ts";

export type Offer = z.output<typeof CouponType>;

const LANES = 4;
const ADMIN = "demo-admin";
/** What a discount is looked at by: the price of going there. */
const TIER = "starter";

/** What each is worth, and what it leaves of a price that is due. */
// prettier-ignore
const OFFERS: Readonly<Record<Offer, { value: string; leaves: (price: Money) => Money }>> = {
  credit_bonus:        { value: "3",  leaves: (price) => price },
  free_month:          { value: "1",  leaves: () => ZERO },
  percentage_discount: { value: "25", leaves: (price) => price.times("0.75") },
  fixed_discount:      { value: "5",  leaves: (price) => price.minus(5) },
};

/** Makes a coupon of each type and lets everybody redeem the one he has; answers the credits that were awarded. */
export async function redeemAll(cast: Cast, run: string, scene: Scene): Promise<Map<string, Money>> {
  const { rest, tokenOf } = scene;
  const admin = await tokenOf(ADMIN, "admin");
  for (const [type, { value }] of Object.entries(OFFERS) as [Offer, (typeof OFFERS)[Offer]][]) {
    const code = codeOf(type, run);
    await rest.ask(createCoupon, { coupon_type: type, value, code, max_uses: 10 }, { token: admin, key: code });
  }
  const awarded = new Map<string, Money>();
  await inLanes(LANES, [...cast], async ([userId, { coupon }]) => {
    if (coupon === undefined) return;
    const asked = { token: await tokenOf(userId, "user"), key: `${userId}-coupon` };
    const { credits_awarded: credits } = await rest.ask(redeemCoupon, { code: codeOf(coupon, run) }, asked);
    awarded.set(userId, credits);
  });
  return awarded;
}

/** What the coupons have done, as a table; and where that is not what they say, one sentence each. */
export async function showCoupons(
  cast: Cast,
  run: string,
  { rest, tokenOf }: Scene,
): Promise<{ table: string; problems: string[] }> {
  const table = new Table({
    ...PLAIN,
    head: ["coupon", "type", "value", "redeemed by", "credits", `${TIER} now costs`],
    colAligns: ["left", "left", "right", "left", "right", "right"],
  });
  const problems: string[] = [];
  for (const [userId, { coupon }] of cast) {
    if (coupon === undefined) continue;
    const { value, leaves } = OFFERS[coupon];
    const tiers = await rest.ask(listTiers, {}, { token: await tokenOf(userId, "user") });
    const due = tiers.find(({ tier }) => tier === TIER)?.amount_due ?? ZERO;
    const full = priceOf(tiers, TIER).minus(priceOf(tiers, "trial"));
    const wanted = leaves(full);
    if (!due.eq(wanted))
      problems.push(`${userId}: ${TIER} costs ${due.toFixed()}, and should cost ${wanted.toFixed()}`);
    const credits = coupon === "credit_bonus" ? value : "";
    const price = due.eq(full) ? due.toFixed() : `${due.toFixed()} instead of ${full.toFixed()}`;
    table.push([codeOf(coupon, run), coupon, value, userId, credits, price]);
  }
  return { table: trimmed(table), problems };
}

function priceOf(tiers: z.output<(typeof listTiers)["output"]>, name: string): Money {
  return tiers.find(({ tier }) => tier === name)?.price_monthly ?? decimal("NaN");
}

function codeOf(offer: Offer, run: string): string {
  return `${offer.split("_")[0]}-${run}`.toUpperCase();
}
