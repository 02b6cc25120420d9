import { readFile } from "node:fs/promises";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { openBus } from "@tollbooth/shared/bus";
import { createCoupon, redeemCoupon } from "@tollbooth/shared/contracts/coupons";
import { explainTransaction, getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { createHold, releaseHold } from "@tollbooth/shared/contracts/holds";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { openLog } from "@tollbooth/shared/log";
import { INTEGRATOR } from "../tools/src/broker/permissions.ts";
import { logOf, SERVICES, type Service } from "../tools/src/service.ts";
import { refusalsIn } from "../tools/src/testing/refusals.ts";
import { SERVICE } from "./harness/bus.ts";
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

test.runIf(reach.natsKeys)("an integrator of the platform sets credits aside and gives them back", async () => {
  const user = await Person.of(somebody(), ["user"], reach);
  await user.ok(getBalance);
  const integrator = await openBus({
    url: reach.natsUrl,
    keys: reach.natsKeys,
    name: INTEGRATOR,
    log: openLog("e2e", "silent"),
  });
  onTestFinished(() => integrator.close());
  const hold = { user_id: user.sub, hold_id: "h1" };
  const set = await integrator.ask(createHold, { ...hold, amount: "2", ttl_s: 60 }, SERVICE);
  expect(set.state).toBe("active");
  expect(await user.ok(getBalance)).toMatchObject({ available: "3.000000000000" });
  expect((await integrator.ask(releaseHold, hold, SERVICE)).state).toBe("released");
  expect(await user.ok(getBalance)).toMatchObject({ available: "5.000000000000" });
});

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
