/** Tiers: what they cost the one who asks, going to another, and resetting by hand. */
import * as contracts from "@tollbooth/shared/contracts/tiers";
import { Fault } from "@tollbooth/shared/fault";
import { handle, type Endpoint } from "@tollbooth/shared/handler";
import { keyed } from "@tollbooth/shared/idempotency";
import { print, ZERO } from "@tollbooth/shared/money";
import { factsOf, tellBalance } from "./balance.ts";
import { by } from "./caller.ts";
import type { Room } from "./handlers.ts";
import { amountDue, type Tier } from "./period.ts";
import { readDiscounts } from "./periods.store.ts";
import { readTiers } from "./tiers.store.ts";
import { submit } from "./posting.ts";
import { current } from "./read-handlers.ts";

/** Comparing and switching tiers, resetting periods. */
export function tierEndpoints(room: Room): Endpoint[] {
  const { db, poster } = room;
  const named = async (name: string): Promise<Tier> => {
    const tiers = await readTiers(db);
    const found = tiers.find(({ tier }) => tier === name);
    if (found !== undefined) return found;
    throw new Fault("unknown_tier", `there is no tier ${name}`, {
      fix: `the tiers are ${tiers.map(({ tier }) => tier).join(", ")}`,
    });
  };
  return [
    handle(contracts.listTiers, async (_, context) => {
      const tiers = await readTiers(db);
      const { caller } = context;
      const dueOf = caller?.roles.includes("user") ? await duesOf(room, caller.sub, context) : undefined;
      return tiers.map((tier) => ({
        tier: tier.tier,
        price_monthly: print(tier.price),
        credits_monthly: print(tier.credits),
        features: [...tier.features],
        ...(dueOf !== undefined && { amount_due: dueOf(tier) }),
      }));
    }),
    handle(contracts.switchTier, async (input, context) => {
      const command = { kind: "switch", tier: await named(input.new_tier), ...by(context) } as const;
      return submit(poster, {
        userId: context.onUser(input.user_id),
        command,
        keyed: keyed(contracts.switchTier, input, context),
        tell: ({ account, amountDue: due = ZERO }) => ({ ...tellBalance(factsOf(account)), amount_due: print(due) }),
      });
    }),
    handle(contracts.resetPeriod, async ({ user_id, new_tier }, context) => {
      const tier = new_tier === undefined ? undefined : await named(new_tier);
      return submit(poster, { userId: context.onUser(user_id), command: { kind: "reset", tier, ...by(context) } });
    }),
  ];
}

/** What going to a tier now would cost a user. */
async function duesOf(
  room: Room,
  userId: string,
  context: Parameters<typeof current>[2],
): Promise<(tier: Tier) => string> {
  const { periodPrice } = await current(room, userId, context);
  const discounts = (await readDiscounts(room.db, [userId])).get(userId) ?? [];
  return (tier) => print(tier.price.gt(periodPrice) ? amountDue(tier.price.minus(periodPrice), discounts).due : ZERO);
}
