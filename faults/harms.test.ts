/** Harms one by one while traffic flows: nothing is lost, nothing happens twice, and all is quiet within 45 s. */
import { expect, test } from "vitest";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { LETTER_WAITS } from "@tollbooth/shared/dead-letters";
import { CONNECTIONS } from "./connections.ts";
import type { Harm } from "./harms.ts";
import { MESSAGES, sendPoison, sendTooLarge } from "./messages.ts";
import { DEATHS, RESTARTS, STOPS } from "./processes.ts";
import { SEED } from "./random.ts";
import { UNHARMED, watch, weather } from "./scenario.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile();

/** So many answers of each kind tell that all works again before the next one. */
const BETWEEN = 5;
const LONG_MS = 400_000;

/** These harms one after the other. */
function oneByOne(name: string, harms: readonly Harm[], noteSeen: (answer: string) => void = () => {}) {
  return weather(world(), name, async ({ inject, random, traffic }) => {
    for (const harm of harms) {
      await inject(harm.name, () => harm.to(world(), random));
      await traffic.flows(BETWEEN);
    }
    for (const answer of traffic.rest.seen.keys()) noteSeen(answer);
  });
}

test("the death of each process loses nothing and doubles nothing", { timeout: LONG_MS }, async () => {
  // Nobody in this traffic chats: faults/proxy.test.ts does, and openrouter dies there.
  const deaths = DEATHS.filter(({ on }) => on !== "openrouter");
  expect(deaths).toHaveLength(7);
  expect(await oneByOne("deaths", deaths)).toEqual(UNHARMED);
});

test("deliveries that come again, cut connections, a service that stands still and a broker that forgets lose nothing and double nothing", async () => {
  const of = (kind: string) => [...MESSAGES, ...CONNECTIONS].filter((harm) => harm.kind === kind);
  const stops = STOPS.filter(({ on }) => on === "credits");
  // Last the one after which there is nothing to deliver again.
  const all = [
    ...of("delivered again"),
    ...of("database connections cut"),
    ...stops,
    ...of("the broker's store deleted"),
  ];
  expect(all).toHaveLength(4);
  expect(await oneByOne("disturbances", all)).toEqual(UNHARMED);
});

/** Definite ones, that the service is away, and that a client did not wait. */
const ANSWERS = new Set(["200", "402", "409", "422", "503", "too late"]);

test("services that are restarted in the middle of requests leave none of them unanswered", async () => {
  const seen = new Set<string>();
  expect(RESTARTS).toHaveLength(3);
  expect(await oneByOne("restarts", RESTARTS, (answer) => seen.add(answer))).toEqual(UNHARMED);
  expect([...seen].filter((answer) => !ANSWERS.has(answer))).toEqual([]);
});

test("messages that come again in another order, under new ids, have no other effect", async () => {
  const verdict = await weather(world(), "sent again", async ({ inject, random, traffic }) => {
    for (const time of ["once", "twice"]) {
      await inject(`sent again ${time}`, () => world().tape.sayAgain(random));
      await traffic.answers(50);
    }
  });
  expect(verdict).toEqual(UNHARMED);
});

/** Reports and facts that can never be applied, and the one in a parcel of others. */
const LETTERS = { usage: 15, credits: 7 };
const BURIED_WITHIN_MS = 20_000;

test("of malformed and poison messages each becomes one dead letter, and what comes behind them is applied", async () => {
  const waiting = async () => ({
    usage: await world().books.usage.run(sql`select from dead_letters where ${LETTER_WAITS}`),
    credits: await world().books.credits.run(sql`select from dead_letters where ${LETTER_WAITS}`),
  });
  const seen = await watch(world(), "poison", SEED, async ({ inject, traffic }) => {
    await inject("poison", () => sendPoison(world()));
    await inject("too large", () => sendTooLarge(world()));
    await traffic.flows(10);
    await until(async () => JSON.stringify(await waiting()) === JSON.stringify(LETTERS), BURIED_WITHIN_MS);
    expect(await waiting()).toEqual(LETTERS);
  });
  expect(seen.verdict).toEqual(UNHARMED);
  expect(seen.discarded).toBe(LETTERS.usage + LETTERS.credits);
});
