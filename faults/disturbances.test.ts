/** What is forgotten, repeated, cut, stopped or restarted while traffic flows loses nothing and happens once. */
import { expect, test } from "vitest";
import { CONNECTIONS } from "./connections.ts";
import { MESSAGES } from "./messages.ts";
import { RESTARTS, STOPS } from "./processes.ts";
import { one, UNHARMED, weather } from "./scenario.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile();

const KINDS = new Set(["the broker's store deleted", "delivered again", "database connections cut"]);
const DISTURBANCES = [...MESSAGES, ...CONNECTIONS, ...STOPS].filter(
  ({ kind, on }) => KINDS.has(kind) || (kind === "SIGSTOP" && on === "credits"),
);

test.each(DISTURBANCES)("$name", async (harm) => {
  expect(await one(world(), harm)).toEqual(UNHARMED);
});

/** Definite ones, that the service is away, and that a client did not wait. */
const ANSWERS = new Set(["200", "402", "409", "422", "503", "too late"]);

test.each(RESTARTS)("$name in the middle of requests leaves none of them unanswered", async ({ name, to }) => {
  const seen = new Set<string>();
  const verdict = await weather(world(), name, async ({ inject, traffic, random }) => {
    await inject(name, () => to(world(), random));
    for (const answer of traffic.rest.seen.keys()) seen.add(answer);
  });
  expect(verdict).toEqual(UNHARMED);
  expect([...seen].filter((answer) => !ANSWERS.has(answer))).toEqual([]);
});
