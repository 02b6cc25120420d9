import { expect, inject, onTestFinished, test } from "vitest";
import { openBus } from "@tollbooth/shared/bus";
import { getBalance } from "@tollbooth/shared/contracts/credits";
import { createHold, releaseHold } from "@tollbooth/shared/contracts/holds";
import { openLog } from "@tollbooth/shared/log";
import { INTEGRATOR } from "../tools/src/broker/permissions.ts";
import { SERVICE } from "./harness/bus.ts";
import { newUser } from "./harness/person.ts";

const reach = inject("platform");

test.runIf(reach.natsKeys)("an integrator of the platform sets credits aside and gives them back", async () => {
  const user = await newUser();
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
