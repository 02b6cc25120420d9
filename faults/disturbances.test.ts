/** What is forgotten, repeated, cut, stopped or restarted while traffic flows loses nothing and happens once. */
import { expect, test } from "vitest";
import { DISTURBANCES, RESTARTS } from "./harms.ts";
import { UNHARMED, weather } from "./scenario.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile();

test.each(DISTURBANCES)("$name", async ({ name, to }) => {
  const verdict = await weather(world(), name, async ({ inject }) => inject(name, () => to(world())));
  expect(verdict).toEqual(UNHARMED);
});

/** Definite ones, that the service is away, and that a client did not wait. */
const ANSWERS = new Set(["200", "402", "409", "422", "503", "too late"]);

test.each(RESTARTS)("$name in the middle of requests leaves none of them unanswered", async ({ name, to }) => {
  const seen = new Set<string>();
  const verdict = await weather(world(), name, async ({ inject, traffic }) => {
    await inject(name, () => to(world()));
    for (const answer of traffic.rest.seen.keys()) seen.add(answer);
  });
  expect(verdict).toEqual(UNHARMED);
  expect([...seen].filter((answer) => !ANSWERS.has(answer))).toEqual([]);
});
