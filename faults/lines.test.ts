/** What goes over a line is lost, late, slow or cut, and disks are full, while traffic flows: nothing is lost, nothing happens twice. */
import { expect, test } from "vitest";
import { CONNECTIONS, LINES } from "./connections.ts";
import { DISKS } from "./disks.ts";
import type { Harm } from "./harms.ts";
import { UNHARMED, weather } from "./scenario.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile();

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
