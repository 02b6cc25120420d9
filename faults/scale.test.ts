/** Scaled out: three brokers that keep every stream each, and two processes of each service. What dies is not started again. */
import { expect, test } from "vitest";
import { streams, type Stream } from "@tollbooth/shared/streams";
import { SERVICES } from "../tools/src/service.ts";
import { UNHARMED, weather } from "./scenario.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile({}, { isScaled: true });

/** How many brokers keep a stream. */
async function copiesOf(stream: string): Promise<number> {
  const { streams: made } = await world().bus.connection.jetstreamManager();
  return (await made.info(stream)).config.num_replicas;
}

test("every stream is kept by three brokers, one that is not as soon as its keeper says so, and stays so without a word", async () => {
  expect(await Promise.all(Object.values(streams).map(({ name }) => copiesOf(name)))).toEqual([3, 3, 3, 3]);
  const alone: Stream = { name: "ALONE", subjects: ["alone"] };
  const copies = [];
  for (const replicas of [undefined, 3, undefined]) {
    await world().streams.ensure(alone, replicas);
    copies.push(await copiesOf(alone.name));
  }
  expect(copies).toEqual([1, 3, 3]);
});

test("the death of the broker that leads USAGE, then of one process of each service, loses and doubles nothing", async () => {
  const verdict = await weather(world(), "half of it dies", async ({ inject, random, traffic }) => {
    const leader = await world().leaderOf(streams.usage.name);
    await inject(`kill -9 of ${leader}, the leader of USAGE`, () => world().lose(leader));
    await traffic.flows(10);
    await world().platform.part(leader).start();
    const victims = SERVICES.map((service) => random.pick([service, `${service}-2`] as const));
    await inject(`kill -9 of ${victims.join(", ")}`, () => Promise.all(victims.map((victim) => world().lose(victim))));
  });
  expect(verdict).toEqual(UNHARMED);
});
