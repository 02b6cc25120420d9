/** Many harms while traffic flows, one after the other and together: nothing is lost, nothing happens twice. */
import { expect, test } from "vitest";
import { readSources } from "../tools/src/sources.ts";
import { CONNECTIONS, LINES } from "./connections.ts";
import { DISKS } from "./disks.ts";
import { HARMS, type Harm } from "./harms.ts";
import { NTH_MAX, OF_CHATS, POINTS } from "./processes.ts";
import { SEED } from "./random.ts";
import { UNHARMED, weather } from "./scenario.ts";
import { besiege } from "./siege.ts";
import { worldOfThisFile } from "./world.ts";

const WAVES = 2;
const LONG_MS = 400_000;

const world = worldOfThisFile({}, { hasLines: true });

/** Harms of several servers, each server's one after the other and the servers at the same time. */
function sufferings(name: string, harms: readonly Harm[]) {
  return weather(world(), name, async ({ inject, random, traffic }) => {
    const all = async (server: string) => {
      for (const { name: what, to } of harms.filter(({ on }) => on === server)) {
        await inject(what, () => to(world(), random));
        await traffic.answers(1);
      }
    };
    await Promise.all([all("nats"), all("postgres")]);
  });
}

test("broken lines to the broker and to Postgres, and no connection left, lose nothing and double nothing", async () => {
  const exhausted = CONNECTIONS.filter(({ kind }) => kind === "connections exhausted");
  expect(await sufferings("lines", [...LINES, ...exhausted])).toEqual(UNHARMED);
});

test.skipIf(DISKS.length === 0)(
  "full disks of the broker and of Postgres lose nothing, and all goes on by itself",
  async () => {
    expect(await sufferings("full disks", DISKS)).toEqual(UNHARMED);
  },
);

test("every crash point of the code is hit by a test", () => {
  const named = readSources().flatMap(({ text }) =>
    [...text.matchAll(/crashPoint\("([^"]+)"\)/g)].map(([, name]) => name),
  );
  expect(new Set(named)).toEqual(new Set([...Object.values(POINTS).flat(), ...OF_CHATS]));
  // Nobody in this traffic chats: these do, and the service dies there.
  const chats = readSources()
    .filter(({ path }) => path === "e2e/deaths.test.ts")
    .map(({ text }) => text)
    .join("\n");
  expect(OF_CHATS.filter((point) => !chats.includes(`diesAt("${point}"`))).toEqual([]);
});

/** The moments at which a crash would be most dangerous, one by one: each is named in the code, and each is hit here. */
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

/** A short siege: some harms, by the seed, several at a time, before what the last ones harmed is whole again. */
test(
  "a storm",
  async () => {
    const { verdict } = await besiege(world(), { seed: SEED, harms: HARMS, goesOn: (waves) => waves < WAVES });
    expect(verdict).toEqual(UNHARMED);
  },
  LONG_MS,
);
