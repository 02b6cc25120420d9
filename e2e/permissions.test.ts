import { readFile } from "node:fs/promises";
import { afterAll, expect, test } from "vitest";
import { createCoupon, redeemCoupon } from "@tollbooth/shared/contracts/coupons";
import { explainTransaction, getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { logOf, SERVICES, type Service } from "../tools/src/service.ts";
import { refusalsIn } from "../tools/src/testing/refusals.ts";
import { breaches } from "./harness/books.ts";
import { Person, somebody } from "./harness/person.ts";
import { openPlatform } from "./harness/platform.ts";

const own = await openPlatform("permissions");
afterAll(() => own.close());
const { platform, folder, reach } = own;

/** A use that is charged and explained, and a coupon that is awarded: every question that a service asks another. */
async function walk(): Promise<void> {
  const [user, admin] = await Promise.all([
    Person.of(somebody(), ["user"], reach),
    Person.of(somebody("admin"), ["admin"], reach),
  ]);
  await user.ok(trackUsage, { service: "chat", cost: "1" });
  const { code } = await admin.ok(createCoupon, { coupon_type: "credit_bonus", value: "3" });
  await user.ok(redeemCoupon, { code });
  expect(await until(async () => (await user.ok(getBalance)).balance === "7.000000000000", 20_000)).toBe(true);
  const charge = (await user.ok(listTransactions)).find(({ transaction_type: type }) => type === "usage");
  expect(await user.ok(explainTransaction, { id: charge?.id })).toMatchObject({ usage: { service: "chat" } });
}

test("every service works with no more rights than its row gives it, also on a broker that lost its store", async () => {
  await walk();
  await platform.loseBrokerStore();
  await platform.ready();
  for (const service of SERVICES) await platform.restart(service);
  await platform.ready();
  await walk();
  expect(await breaches(reach.databaseUrls)).toEqual([]);
  expect(await refusalsIn(logOf("nats", folder))).toEqual([]);
  const complains = async (service: Service) =>
    (await readFile(logOf(service, folder), "utf8")).includes("the broker refused");
  expect(await Promise.all(SERVICES.map(complains))).toEqual(SERVICES.map(() => false));
});
