/**
 * Scaled out: three brokers that keep every stream each, and two processes of each service. The death of the leading broker,
 * and of one process of each service, loses nothing, and what happens happens once.
 */
import { expect, test } from "vitest";
import { streams } from "@tollbooth/shared/streams";
import { SERVICES } from "../tools/src/service.ts";
import { UNHARMED, weather } from "./scenario.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile({}, true);

test("kill -9 of the broker that leads USAGE", async () => {
  const verdict = await weather(world(), "death of the leading broker", async ({ inject }) => {
    const leader = await world().leaderOf(streams.usage.name);
    await inject(`kill -9 of ${leader}, the leader of USAGE`, () => world().kill(leader));
  });
  expect(verdict).toEqual(UNHARMED);
});

test("kill -9 of one process of each service at once", async () => {
  const verdict = await weather(world(), "death of one of each service", async ({ inject, random }) => {
    const victims = SERVICES.map((service) => random.pick([service, `${service}-2`] as const));
    await inject(`kill -9 of ${victims.join(", ")}`, () => Promise.all(victims.map((victim) => world().kill(victim))));
  });
  expect(verdict).toEqual(UNHARMED);
});
