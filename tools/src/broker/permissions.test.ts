import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Command } from "@tollbooth/shared/contract";
import { ROOT } from "../checkout.ts";
import { isTest, readSources } from "../sources.ts";
import { INTEGRATOR, OPERATOR, ourUsers, reporterMay, ROWS } from "./permissions.ts";
import { printUsers } from "./users-file.ts";

const ROOM = "tools/src/broker/permissions.ts";
const CONTRACTS = "packages/shared/src/contracts";
const services = readdirSync(join(ROOT, "services"));
const users = ourUsers();

/** Every contract by the name that a program imports it under. */
async function contracts(): Promise<Map<string, Command>> {
  const read = async (file: string) => (await import(join(ROOT, CONTRACTS, file))) as Record<string, Command>;
  const files = readdirSync(join(ROOT, CONTRACTS)).filter((file) => file.endsWith(".ts"));
  const rooms = await Promise.all(files.map(read));
  return new Map(rooms.flatMap((room) => Object.entries(room)));
}

test("every service has its row of permissions, and nobody else has one", () => {
  expect(Object.keys(ROWS).toSorted(), `each service needs one row in ROWS of ${ROOM}`).toEqual(services.toSorted());
});

test.each(services)("what the programs of %s ask of others is in its row", async (service) => {
  const known = await contracts();
  const allowed = new Set(ROWS[service as keyof typeof ROWS].asks?.map(({ subject }) => subject));
  const missing = readSources()
    .filter(({ path }) => path.startsWith(`services/${service}/`) && !isTest(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\bbus\.(?:ask|forward)\(\s*(\w+)/g)].map(([, name = ""]) => ({ path, name })),
    )
    .filter(({ name }) => known.has(name) && !allowed.has(known.get(name)?.subject ?? ""))
    .map(({ path, name }) => `${path} asks ${name}`);
  expect(missing, `the row of ${service} in ${ROOM} does not name it`).toEqual([]);
});

test("a service that asks nobody may tell its facts, look at its stream, ask how they fared, and answer from its queue", () => {
  expect(users.get("coupons")).toEqual({
    publish: [
      "credits.event.outcomes",
      "coupon.redeemed",
      "$JS.API.STREAM.INFO.COUPONS",
      "$JS.API.CONSUMER.INFO.COUPONS.credits-coupons",
    ],
    subscribe: ["_INBOX_coupons.>", "coupons.> coupons", "$SRV.*", "$SRV.*.coupons", "$SRV.*.coupons.*"],
    answers: true,
  });
});

test("a reporter may report as one source, ask what became of it, and hear the answer", () => {
  expect(reporterMay("chat")).toEqual({
    publish: ["usage.report.chat", "usage.event.outcomes"],
    subscribe: ["_INBOX_reporter-chat.>"],
    answers: false,
  });
});

test("an integrator may set credits aside, ask prices, have chats sent, and hear the answers", () => {
  expect(users.get(INTEGRATOR)).toEqual({
    publish: [
      "credits.check",
      "credits.hold.create",
      "credits.hold.capture",
      "credits.hold.release",
      "usage.prices.get",
      "usage.cost",
      "openrouter.free-model",
      "openrouter.markup",
      "openrouter.route",
    ],
    subscribe: ["_INBOX_integrator.>"],
    answers: false,
  });
});

test("nobody but the gateway and the operator may ask what people ask for", () => {
  const askers = [...users].filter(([, { publish }]) => publish.includes("credits.allocate")).map(([name]) => name);
  expect(askers).toEqual(["gateway", OPERATOR]);
});

test("nobody may hear what another is answered, and no one but its owner may tell a fact", () => {
  for (const [name, { publish, subscribe }] of users) {
    const inboxes = subscribe.filter((subject) => subject.startsWith("_INBOX"));
    expect(inboxes).toEqual([`_INBOX_${name}.>`]);
    expect(publish.filter((subject) => subject.startsWith("_INBOX"))).toEqual([]);
    expect(publish.includes("usage.report.*")).toBe(name === OPERATOR);
    expect(publish.includes("usage.tracked")).toBe(name === "usage");
    expect(publish.includes("coupon.redeemed")).toBe(name === "coupons");
  }
});

test("the broker's file names a user by his public key", () => {
  const text = printUsers([{ name: "reporter-chat", publicKey: "UABC", may: reporterMay("chat") }]);
  expect(text).toContain(`    # reporter-chat
    {
      nkey: UABC,
      permissions: {
        publish: { allow: [
          "usage.report.chat"
          "usage.event.outcomes"
        ] },
        subscribe: { allow: [
          "_INBOX_reporter-chat.>"
        ] }
      }
    }`);
});
