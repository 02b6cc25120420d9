import { acceptPrice, getPrice, importPrices, listQuarantine, setPrice } from "@tollbooth/shared/contracts/prices";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { expect, test } from "vitest";
import { admin, openUsage, plain, service } from "./testing/service.ts";

const { db } = await testDatabase("usage");
// Two replicas of the service on one database.
const [usage, other] = [await openUsage(db), await openUsage(db)];

const sheet = (model: string, price: string) => ({ model, rates: [{ unit: "input_token", price }] });
const hand = (prices: object[], by = usage) =>
  by.ask(importPrices, { service: "router", source: "list", prices }, service);
const waiting = async () =>
  (await other.ask(listQuarantine, {}, admin)).map(({ model, reason }) => `${model}: ${reason}`);
const priceOf = async (model: string) =>
  (await other.ask(getPrice, { service: "router", model }, service)).rates[0]?.price.toFixed();

test("what rises more than tenfold waits, and the price before holds until it is accepted", async () => {
  await hand([sheet("acme/One", "0.1")]);
  const doubtful = [sheet("acme/One", "1.1")];
  expect(await hand(doubtful)).toMatchObject({ changed: 0, unchanged: 0, quarantined: 1 });
  const [first] = await usage.ask(listQuarantine, {}, admin);
  expect(await hand(doubtful, other)).toMatchObject({ quarantined: 1 });
  expect(await usage.ask(listQuarantine, {}, admin)).toEqual([first]);
  expect(await waiting()).toEqual(["acme/one: input_token would rise from 0.1 to 1.1"]);
  expect(await priceOf("acme/one")).toBe("0.1");

  const accepted = await other.ask(acceptPrice, { service: "router", model: "acme/one" }, admin);
  expect(accepted).toMatchObject({ source: "list", model: "acme/One" });
  expect([await waiting(), await priceOf("acme/one")]).toEqual([[], "1.1"]);
  expect(await usage.code(acceptPrice, { service: "router", model: "acme/one" }, admin)).toBe("not_found");
  expect(await hand(doubtful)).toMatchObject({ changed: 0, unchanged: 1, quarantined: 0 });
});

test("a negative price waits, is never accepted, and goes when a list has another", async () => {
  await hand([sheet("acme/two", "-0.5"), sheet("acme/two", "0.5")]);
  expect(await waiting()).toEqual(["acme/two: input_token is -0.5"]);
  expect(await usage.code(acceptPrice, { service: "router", model: "acme/two" }, admin)).toBe("invalid_request");
  expect(await usage.code(getPrice, { service: "router", model: "acme/two" }, service)).toBe("not_found");
  await hand([sheet("acme/two", "0.5")]);
  expect([await waiting(), await priceOf("acme/two")]).toEqual([[], "0.5"]);
});

test("what an operator has set is his: no list changes it, and nothing waits", async () => {
  const rates = [{ unit: "input_token" as const, price: "0.1" }];
  await usage.ask(setPrice, { service: "router", model: "acme/three", rates }, admin);
  expect(await hand([sheet("acme/three", "9")])).toMatchObject({ changed: 0, unchanged: 1, quarantined: 0 });
  expect(await waiting()).toEqual([]);
});

test("only an admin sees what waits", async () => {
  for (const who of [plain("ann"), service]) expect(await usage.code(listQuarantine, {}, who)).toBe("forbidden");
});
