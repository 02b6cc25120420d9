/** The moments at which a crash would be most dangerous, one by one: each is named in the code, and each is hit here. */
import { expect, test } from "vitest";
import type { Service } from "../tools/src/service.ts";
import { readSources } from "../tools/src/sources.ts";
import { UNHARMED, weather } from "./scenario.ts";
import { worldOfThisFile } from "./world.ts";

// prettier-ignore
const POINTS = {
  credits: ["posting.before-commit", "posting.after-commit", "consumer.before-ack", "relay.before-publish", "relay.after-publish"],
  usage: ["record.before-commit", "record.after-commit", "consumer.before-ack", "relay.before-publish", "relay.after-publish", "confirmer.before-delete"],
} satisfies Partial<Record<Service, string[]>>;

const world = worldOfThisFile();

test("every crash point of the code is hit by a test", () => {
  const named = readSources().flatMap(({ text }) =>
    [...text.matchAll(/crashPoint\("([^"]+)"\)/g)].map(([, name]) => name),
  );
  expect(new Set(named)).toEqual(new Set(Object.values(POINTS).flat()));
});

test("a crash at each of them", async () => {
  const verdict = await weather(world(), "crash points", async ({ random, inject }) => {
    const crashAll = async (service: keyof typeof POINTS) => {
      for (const point of POINTS[service]) {
        const nth = random.whole(1, 5);
        await inject(`${service} at ${point}:${nth}`, () => world().crashAt(service, point, nth));
      }
    };
    await Promise.all([crashAll("credits"), crashAll("usage")]);
  });
  expect(verdict).toEqual(UNHARMED);
});
