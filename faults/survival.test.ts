/** Whatever dies while traffic flows, nothing is lost, nothing happens twice, and all is quiet within 45 s. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { UNHARMED, weather, type Storm } from "./scenario.ts";
import { World } from "./world.ts";

let world: World;
let hasFailed = false;
beforeAll(async () => {
  world = await World.open();
});
afterEach(({ task }) => {
  hasFailed ||= task.result?.state === "fail";
});
afterAll(() => world.close(hasFailed));

/** Twice, each time in the middle of work. */
async function killTwice({ traffic, random, inject }: Storm, what: string, harm: () => Promise<void>): Promise<void> {
  await inject(what, harm);
  await traffic.flows(random.whole(10, 60));
  await inject(what, harm);
}

test.each(["credits", "usage", "gateway"] as const)("kill -9 of %s", async (service) => {
  const verdict = await weather(world, `kill -9 of ${service}`, async (storm) =>
    killTwice(storm, `kill -9 of ${service}`, () => world.kill(service)),
  );
  expect(verdict).toEqual(UNHARMED);
});

test("kill -9 of the broker", async () => {
  const verdict = await weather(world, "kill -9 of the broker", async (storm) =>
    killTwice(storm, "kill -9 of the broker", () => world.kill("nats")),
  );
  expect(verdict).toEqual(UNHARMED);
});

test("a broker that comes back without its store", async () => {
  const verdict = await weather(world, "a lost store", async (storm) =>
    killTwice(storm, "the broker's store deleted", () => world.platform.loseBrokerStore()),
  );
  expect(verdict).toEqual(UNHARMED);
});

test("Postgres killed at once", async () => {
  const verdict = await weather(world, "Postgres killed", async ({ traffic, random, inject }) => {
    await inject("immediate shutdown of Postgres", () => world.kill("postgres", "SIGQUIT"));
    await traffic.flows(random.whole(10, 60));
    await inject("kill -9 of Postgres", () => world.kill("postgres"));
  });
  expect(verdict).toEqual(UNHARMED);
});
