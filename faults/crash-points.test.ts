/** The moments at which a crash would be most dangerous, one by one: each is named in the code, and each is hit here. */
import { expect, test } from "vitest";
import { readSources } from "../tools/src/sources.ts";
import { NTH_MAX, OF_CHATS, POINTS } from "./processes.ts";
import { UNHARMED, weather } from "./scenario.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile();

test("every crash point of the code is hit by a test", () => {
  const named = readSources().flatMap(({ text }) =>
    [...text.matchAll(/crashPoint\("([^"]+)"\)/g)].map(([, name]) => name),
  );
  expect(new Set(named)).toEqual(new Set([...Object.values(POINTS).flat(), ...OF_CHATS]));
  // Nobody in the traffic below chats: these do, and die there.
  const chats = readSources()
    .filter(({ path }) => path === "e2e/byok.test.ts" || path === "e2e/proxy.test.ts")
    .map(({ text }) => text)
    .join("\n");
  expect(OF_CHATS.filter((point) => !chats.includes(`diesAt("${point}"`))).toEqual([]);
});

test("a crash at each of them", async () => {
  const verdict = await weather(world(), "crash points", async ({ random, inject }) => {
    const crashAll = async (service: keyof typeof POINTS) => {
      for (const point of POINTS[service]) {
        const nth = random.whole(1, NTH_MAX);
        await inject(`${service} at ${point}:${nth}`, () => world().crashAt(service, point, nth));
      }
    };
    // Two at a time: were all of them down at once, no traffic would reach the next point.
    await Promise.all([crashAll("usage"), crashAll("credits").then(() => crashAll("coupons"))]);
  });
  expect(verdict).toEqual(UNHARMED);
});
