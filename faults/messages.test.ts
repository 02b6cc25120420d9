/** Messages that come again long after, in another order, or that should never have been sent: effects happen once, and nobody is blocked. */
import { expect, test } from "vitest";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { LETTER_WAITS } from "@tollbooth/shared/dead-letters";
import { sendPoison, sendTooLarge } from "./messages.ts";
import { UNHARMED, watch, weather } from "./scenario.ts";
import { SEED } from "./random.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile();

/** Reports and facts that can never be applied, and the one in a parcel of others. */
const LETTERS = { usage: 15, credits: 7 };
const BURIED_WITHIN_MS = 20_000;

test("messages that come again in another order, under new ids, have no other effect", async () => {
  const verdict = await weather(world(), "sent again", async ({ inject, random, traffic }) => {
    for (const time of ["once", "twice"]) {
      await inject(`sent again ${time}`, () => world().tape.sayAgain(random));
      await traffic.answers(50);
    }
  });
  expect(verdict).toEqual(UNHARMED);
});

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
