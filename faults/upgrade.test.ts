/** An upgrade while traffic flows: databases first, then service by service, the version before beside this one. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { allocate, getBalance } from "@tollbooth/shared/contracts/credits";
import { captureHold, createHold, releaseHold } from "@tollbooth/shared/contracts/holds";
import { freePort } from "@tollbooth/shared/local/ports";
import { decimal, print } from "@tollbooth/shared/money";
import { administer } from "@tollbooth/shared/testing/postgres";
import { startFakeOpenRouter } from "../services/openrouter/src/fake.ts";
import { superuserUrl } from "../e2e/harness/platform.ts";
import { OWNERS, type Owner } from "../tools/src/databases.ts";
import { PREVIOUS, previousCheckout } from "../tools/src/testing/previous.ts";
import { chatting, settled, settlement, withMarkup, type Ended } from "./chats.ts";
import { UNHARMED, weather } from "./scenario.ts";
import { QUIET_WITHIN_MS } from "./traffic.ts";
import { worldOfThisFile, type World } from "./world.ts";
import { migrateAs, works, Yesterday } from "./yesterday.ts";

const checkout = await previousCheckout();
if (checkout === undefined)
  console.log(`skipped: the version before, ${PREVIOUS.commit}, is not in this clone; git fetch --unshallow brings it`);

const fake = await startFakeOpenRouter();
const ports = {
  credits: await freePort(),
  usage: await freePort(),
  coupons: await freePort(),
  openrouter: await freePort(),
};
const settings = OWNERS.map((owner) => [`${owner.toUpperCase()}_METRICS_PORT`, String(ports[owner])]);
const world = worldOfThisFile({
  OPENROUTER_BASE_URL: fake.url,
  OPENROUTER_API_KEY: "sk-or-v1-managed",
  ...(Object.fromEntries(settings) as NodeJS.ProcessEnv),
});
let yesterday: Yesterday | undefined;
afterAll(async () => {
  await yesterday?.close();
  await fake.close();
});

const ADMIN = { caller: { sub: "faults", roles: ["admin"] } } as const;
const SERVICE = { caller: { sub: "faults", roles: ["service"] } } as const;
const HOLDS = 10;
const CHATTER = "chatter";
const CHAT = { model: "fake/precise", messages: [{ role: "user", content: "x" }], max_tokens: 20, stream: true };
const BUDGET = decimal("0.05");
/** So many answers before the next step. */
const STEP = 20;
/** On a machine that has much else to do. */
const LONG_MS = 400_000;

/** What the version after this one may do: only add. Neither version knows of it. */
async function expand({ folder }: World): Promise<void> {
  for (const owner of OWNERS) {
    const url = await superuserUrl(folder, owner);
    for (const table of ["outbox", "inbox", "commands", ...GROWN[owner]])
      await administer(url, `alter table ${table} add column tomorrow text not null default 'unknown'`);
    await administer(url, "insert into migrations (name, sha256) values ('9999_tomorrow.sql', 'unknown')");
  }
}

const GROWN: Readonly<Record<Owner, readonly string[]>> = {
  credits: ["user_credits", "credit_lots", "credit_transactions", "credit_holds"],
  usage: ["usage_events", "usage_event_ids", "usage_days"],
  coupons: ["coupon_codes", "coupon_redemptions"],
  openrouter: ["routed_requests"],
};

test.skipIf(checkout === undefined)("the version before is the one that is built", async () => {
  for (const owner of OWNERS) {
    const files = await readdir(join(checkout ?? "", "services", owner, "migrations"));
    expect(files.toSorted().at(-1)).toMatch(new RegExp(`^${PREVIOUS.migrations[owner]}_`));
  }
});

test.skipIf(checkout === undefined)(
  "databases are brought up to date and services exchanged one by one, whichever version dies meanwhile",
  async () => {
    const { platform, bus } = world();
    const before = (yesterday = await Yesterday.insteadOf(world(), checkout ?? "", {
      OPENROUTER_BASE_URL: fake.url,
      OPENROUTER_API_KEY: "sk-or-v1-managed",
    }));
    for (const user_id of [CHATTER, "holder"])
      await bus.ask(allocate, { user_id, amount: "100", source: "test" }, ADMIN);
    const holds = Array.from({ length: HOLDS }, (_, i) => ({ user_id: "holder", hold_id: `hold-${i}` }));
    for (const hold of holds) await bus.ask(createHold, { ...hold, amount: "1", ttl_s: 600 }, SERVICE);
    const chats = chatting(world(), await platform.tokenFor(CHATTER, ["user"]), CHAT);
    let ends: readonly Ended[] = [];

    const verdict = await weather(world(), "an upgrade", async ({ traffic, inject }) => {
      await inject("this version's migrations", () => migrateAs(world()));
      await inject("the next version's migrations", () => expand(world()));
      for (const service of OWNERS) {
        await inject(`${service} beside ${service}`, () => platform.part(service).start());
        await Promise.all([before.works(service), works(ports[service]), traffic.answers(STEP)]);
        if (service !== "openrouter") {
          await inject(`kill -9 of the ${service} before`, () => before.kill(service));
          await before.works(service);
          await inject(`kill -9 of this ${service}`, () => world().kill(service));
          await works(ports[service]);
        }
        await inject(`the end of the ${service} before`, () => before.stop(service));
      }
      await before.stop("gateway");
      await inject("this gateway in the place of that before", () => platform.part("gateway").start());
      await platform.ready();
      ends = await chats.end();
      await inject("the last chat settled", () => settled(world(), [CHATTER], QUIET_WITHIN_MS));
    });
    expect(verdict).toEqual(UNHARMED);

    const found = await settlement(world(), fake.billed(), [CHATTER], withMarkup(BUDGET));
    console.log(
      `  chats      ${ends.filter((end) => end === "whole").length} of ${ends.length} whole, ${found.billed} billed`,
    );
    expect(found).toMatchObject({ missing: [], doubled: [], wrong: [] });
    for (const [i, hold] of holds.entries())
      await (i % 2 === 0
        ? bus.ask(captureHold, { ...hold, amount: "0.5", service: "chat" }, SERVICE)
        : bus.ask(releaseHold, hold, SERVICE));
    const balance = await bus.ask(getBalance, { user_id: "holder" }, ADMIN);
    expect("held" in balance && [print(balance.balance), print(balance.held)]).toEqual([
      "102.500000000000",
      "0.000000000000",
    ]);
  },
  LONG_MS,
);
