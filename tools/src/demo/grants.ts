/** Who gets which credits: bought by REST, given over NATS, and bought afterwards by those who owe. */
import { allocate, grantBonus } from "@tollbooth/shared/contracts/credits";
import { decimal, sum, ZERO, type Money } from "@tollbooth/shared/money";
import type { Person } from "./people.ts";
import { inLanes } from "./lanes.ts";
import type { Scene } from "./scene.ts";

const LANES = 8;
const ADMIN = "demo-admin";
const GIVER = { sub: "demo-campaign", roles: ["service"] } as const;

/** Users by their ids. */
export type Cast = ReadonlyMap<string, Person>;

/** Gives everybody what he starts with; answers how much that was, beside what his tier grants. */
export async function grantAll(cast: Cast, scene: Scene): Promise<Map<string, Money>> {
  await inLanes(LANES, [...cast], async ([userId, { buys, bonus }]) => {
    if (buys !== undefined) await sell(userId, buys, "start", scene);
    if (bonus === undefined) return;
    const input = { user_id: userId, amount: bonus, source: "demo" };
    await scene.bus.ask(grantBonus, input, { caller: GIVER, idempotencyKey: `${userId}-bonus` });
  });
  return new Map(
    [...cast].map(([userId, { buys = "0", bonus = "0" }]) => [userId, sum([decimal(buys), decimal(bonus)])]),
  );
}

/** Those who owe something and want to go on buy credits; answers how much each bought. */
export async function topUp(debtors: readonly string[], cast: Cast, scene: Scene): Promise<Map<string, Money>> {
  const bought = new Map<string, Money>();
  await inLanes(LANES, debtors, async (userId) => {
    const amount = cast.get(userId)?.topsUp;
    if (amount === undefined) return;
    await sell(userId, amount, "top-up", scene);
    bought.set(userId, decimal(amount));
  });
  return bought;
}

/** Both together. */
export function added(granted: ReadonlyMap<string, Money>, bought: ReadonlyMap<string, Money>): Map<string, Money> {
  return new Map([...granted].map(([userId, amount]) => [userId, amount.plus(bought.get(userId) ?? ZERO)]));
}

async function sell(userId: string, amount: string, what: string, { rest, tokenOf }: Scene): Promise<void> {
  const token = await tokenOf(ADMIN, "admin");
  await rest.ask(allocate, { user_id: userId, amount, source: `demo ${what}` }, { token, key: `${userId}-${what}` });
}
