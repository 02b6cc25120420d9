/** What goes over a line is lost, late, slow or cut while traffic flows: nothing is lost, nothing happens twice. */
import { expect, test } from "vitest";
import { CONNECTIONS, LINES } from "./connections.ts";
import { UNHARMED, weather } from "./scenario.ts";
import { worldOfThisFile } from "./world.ts";

const world = worldOfThisFile();

test("resets, blackholes, delays and narrow places on the lines to the broker and to Postgres, both at once", async () => {
  const verdict = await weather(world(), "lines", async ({ inject, random, traffic }) => {
    const all = async (server: string) => {
      for (const { name, to } of LINES.filter(({ on }) => on === server)) {
        await inject(name, () => to(world(), random));
        await traffic.answers(1);
      }
    };
    await Promise.all([all("nats"), all("postgres")]);
  });
  expect(verdict).toEqual(UNHARMED);
});

test("Postgres gives nobody another connection for a while", async () => {
  const verdict = await weather(world(), "no connection left", async ({ inject, random }) => {
    for (const { name, kind, to } of CONNECTIONS)
      if (kind === "connections exhausted") await inject(name, () => to(world(), random));
  });
  expect(verdict).toEqual(UNHARMED);
});
