/**
 * Two designs that look right and are wrong, as controls: whoever checks the books must notice what they lose and
 * double, or all the other tests here prove nothing.
 */
import { expect, test } from "vitest";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { audit } from "../tools/src/books.ts";
import { differences } from "./check.ts";
import { eventKey, type Effect } from "./effects.ts";
import { deliverAgain } from "./messages.ts";
import { PATIENCE_MS, Rest } from "./rest.ts";
import { calm } from "./scenario.ts";
import { QUIET_WITHIN_MS } from "./traffic.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile();

const EVENTS = 5;

/** A user's events, each answered with 200. */
async function use(user: string): Promise<Effect[]> {
  const rest = new Rest(world().platform.gatewayUrls);
  const token = await world().platform.tokenFor(user, ["user"]);
  const effects: Effect[] = [];
  for (let i = 0; i < EVENTS; i++) {
    const body = { service: "tts", quantity: "1000", unit: "character", event_id: `event-${i}` };
    const answer = await rest.askUntilTold({ path: "/usage/track", token, body }, performance.now() + PATIENCE_MS);
    expect(answer?.status).toBe(200);
    effects.push({ kind: "event", userId: user, key: eventKey("user", body.event_id), told: "done" });
  }
  return effects;
}

const calmDown = async () => expect(await calm(world(), performance.now() + QUIET_WITHIN_MS)).toEqual([]);

/** The laws that the audit finds broken at this user. */
async function brokenAt(user: string): Promise<string[]> {
  const findings = await audit(world().books);
  const broken = findings.filter(({ breaches }) => breaches.some((breach) => breach.startsWith(`${user}:`)));
  return broken.map(({ says }) => says.replace(/\d+/, "N"));
}

test("facts that are dropped as soon as the broker has them are lost with its store, and the audit says so", async () => {
  const { credits, usage } = { credits: world().platform.part("credits"), usage: world().books.usage };
  await credits.stop();
  const effects = await use("dropped");
  const isPublished = async () => (await usage.run(sql`select from outbox where published_at is null`)) === 0;
  expect(await until(isPublished, QUIET_WITHIN_MS)).toBe(true);
  expect(await usage.run(sql`delete from outbox`)).toBe(EVENTS);
  await world().platform.loseBrokerStore();
  await credits.start();
  await world().platform.ready();
  await calmDown();
  const found = await differences(world().books, ["dropped"], effects);
  expect(found).toMatchObject({ lost: { length: EVENTS }, doubled: [], wrong: [] });
  expect(await brokenAt("dropped")).toEqual([
    "what usage charged is what credits took, for every user",
    "each of N events was applied",
  ]);
});

test("events that are delivered again and not remembered are charged twice, and the audit says so", async () => {
  const effects = await use("forgotten");
  await calmDown();
  await world().books.credits.run(sql`delete from inbox where user_id = 'forgotten'`);
  await deliverAgain(world());
  await calmDown();
  const found = await differences(world().books, ["forgotten"], effects);
  expect(found).toMatchObject({ lost: [], doubled: { length: EVENTS }, wrong: [] });
  expect(await brokenAt("forgotten")).toEqual([
    "what usage charged is what credits took, for every user",
    "no event has two lines",
  ]);
});

test("a refusal that took effect, and an effect that nobody asked for, are noticed", async () => {
  const [first, _leftOut, ...others] = await use("misled");
  await calmDown();
  const found = await differences(world().books, ["misled"], [{ ...(first as Effect), told: "refused" }, ...others]);
  // The refused one; and of the one that is left out its event and its charge.
  expect(found).toMatchObject({ lost: [], doubled: [], wrong: { length: 3 } });
});
