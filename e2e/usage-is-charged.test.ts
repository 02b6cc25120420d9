import { expect, test } from "vitest";
import { until } from "@tollbooth/shared/local/condition";
import { as, somebody } from "./harness/api.ts";

test("what was used is taken from the user's credits, exactly and once", async () => {
  const user = await as(somebody());
  const before = await user.get("/balance");
  expect(before).toMatchObject({ status: 200, body: { balance: "5.000000000000", tier: "trial" } });

  const use = { service: "chat", cost: "1.25", event_id: "the one" };
  const first = await user.post("/usage/track", use);
  expect(first).toMatchObject({ status: 200, body: { charged: "1.250000000000" } });
  const again = await user.post("/usage/track", use);
  expect(again.body).toEqual(first.body);

  const isCharged = async () => (await user.get<{ balance: string }>("/balance")).body.balance === "3.750000000000";
  expect(await until(isCharged, 10_000)).toBe(true);
  const journal = await user.get("/transactions?transaction_type=usage");
  expect(journal.body).toMatchObject([{ amount: "-1.250000000000", balance_after: "3.750000000000", service: "chat" }]);
});
