/** Routes that name a thing: two users, a service and an admin, on a thing of one's own, of another's, and on none. */
import { expect, test } from "vitest";
import { createCoupon, deactivateCoupon, validateCoupon } from "@tollbooth/shared/contracts/coupons";
import { explainTransaction, getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import * as openrouter from "@tollbooth/shared/contracts/openrouter";
import { priceHistory } from "@tollbooth/shared/contracts/prices";
import type { Command } from "@tollbooth/shared/contract";
import { agree, newKey } from "../harness/openrouter.ts";
import { admin, newUser, Person, service, somebody } from "../harness/person.ts";
import { stories } from "./stories.ts";

/** What a request says to act on somebody's thing; of nobody, on one that is not there. */
type Thing = (owner?: Person) => Promise<object>;
interface Row {
  readonly route: string;
  readonly command: Command;
  readonly thing: Thing;
  /** On his own; on another's, naming only the thing; on another's, naming him too; on one that is not there. */
  readonly user: readonly [own: number, others: number, named: number, missing: number];
  readonly service: number;
  readonly admin: number;
}

const line: Thing = async (owner) => {
  if (owner === undefined) return { id: "01a202eb-691a-76b4-b97c-0a5287e90d81" };
  await owner.ok(getBalance);
  const [newest] = await owner.ok(listTransactions);
  return { id: newest?.id };
};
const coupon: Thing = async (owner) => {
  const code = somebody("code");
  if (owner !== undefined) await (await admin()).ok(createCoupon, { coupon_type: "credit_bonus", value: "1", code });
  return { code };
};
const connection: Thing = async (owner) => {
  await owner?.ok(openrouter.createOpenRouterAccount, { api_key: newKey() });
  return {};
};
const way: Thing = async (owner) => {
  if (owner === undefined) return { code: "none", state: "s".repeat(43) };
  const { code, state } = await agree((await owner.ok(openrouter.connectOpenRouterAccount)).url);
  return { code, state };
};
const nothing: Thing = async () => ({});
const model: Thing = async (owner) => ({
  service: "openai",
  model: owner === undefined ? somebody("model") : "gpt-4o",
});

// prettier-ignore
const rows: readonly Row[] = [
  { route: "GET /transactions/{id}",          command: explainTransaction,                 thing: line,       user: [200, 404, 403, 404], service: 403, admin: 404 },
  { route: "GET /coupons/validate/{code}",    command: validateCoupon,                     thing: coupon,     user: [200, 200, 403, 404], service: 403, admin: 200 },
  { route: "DELETE /coupons/{code}",          command: deactivateCoupon,                   thing: coupon,     user: [403, 403, 403, 403], service: 403, admin: 200 },
  { route: "GET /openrouter/connect",         command: openrouter.connectOpenRouterAccount, thing: nothing,   user: [200, 200, 403, 200], service: 403, admin: 200 },
  { route: "POST /openrouter/callback",       command: openrouter.linkOpenRouterAccount,   thing: way,        user: [200, 404, 403, 404], service: 403, admin: 404 },
  { route: "POST /openrouter/sync-balance",   command: openrouter.syncOpenRouterAccount,   thing: connection, user: [200, 404, 403, 404], service: 403, admin: 404 },
  { route: "DELETE /openrouter/account",      command: openrouter.deleteOpenRouterAccount, thing: connection, user: [200, 404, 403, 404], service: 403, admin: 404 },
  { route: "POST /models/sync",               command: openrouter.syncModels,              thing: nothing,    user: [403, 403, 403, 403], service: 403, admin: 200 },
  { route: "GET /models/{model}/prices",      command: priceHistory,                       thing: model,      user: [200, 200, 422, 200], service: 200, admin: 200 },
];

test("every route that names a thing is here, and every other is walked", () => {
  const routes = stories.filter(({ ofAThing }) => ofAThing).map(({ route }) => route);
  expect(rows.map(({ route }) => route).toSorted()).toEqual(routes.toSorted());
});

test.each(rows)(
  "$route gives a thing to its owner and tells nobody else of it",
  async ({ command, thing, ...gets }) => {
    const [owner, other] = [await newUser(), await newUser()];
    const [found, missing] = [await thing(owner), await thing()];
    const status = async (who: Person, input: object) => (await who.ask(command, input)).status;
    expect(await status(Person.with(undefined), found)).toBe(401);
    expect(await status(await service(), found)).toBe(gets.service);
    expect(await status(await admin(), found)).toBe(gets.admin);
    const others = [await status(other, found), await status(other, { ...found, user_id: owner.sub })];
    // The owner comes last: what he is given may be gone then.
    expect([await status(owner, found), ...others, await status(other, missing)]).toEqual(gets.user);
  },
);
