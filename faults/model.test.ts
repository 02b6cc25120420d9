/** Clients at work while services die: their walks over the whole platform against a simple model of it, and their holds. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { anyWalk } from "./plans.ts";
import { SEED } from "./random.ts";
import { Walk } from "./walk.ts";
import { ANSWER_WITHIN_MS } from "./clients.ts";
import { worldOfThisFile } from "./world.ts";
import { allocate, getBalance } from "@tollbooth/shared/contracts/credits";
import { captureHold, createHold, releaseHold } from "@tollbooth/shared/contracts/holds";
import { Fault } from "@tollbooth/shared/fault";
import { until } from "@tollbooth/shared/local/condition";
import { print } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import { z } from "zod";
import { audit } from "../tools/src/books.ts";
import { UNKNOWN } from "./answers.ts";
import { calm } from "./scenario.ts";
import { QUIET_WITHIN_MS } from "./traffic.ts";

const world = worldOfThisFile({ REQUEST_TIMEOUT_MS: String(ANSWER_WITHIN_MS) });

/** FAULT_RUNS=50 for a long run. */
const RUNS = Number(process.env["FAULT_RUNS"] || 1);
/** On a slow machine; a walk that fails is made smaller until all of them had so long. */
const WALK_WITHIN_MS = 90_000;

let walks = 0;

test(
  "whatever clients ask at once while things die, every answer is one that a model of the platform gives in some order",
  { timeout: (RUNS + 2) * WALK_WITHIN_MS },
  async () => {
    console.log(`walks: ${RUNS} (FAULT_SEED=${SEED})`);
    await fc.assert(
      fc.asyncProperty(anyWalk, async (rounds) => {
        const walk = await Walk.open(world(), `model-${SEED}-${++walks}`);
        for (const round of rounds) await walk.play(round);
        const { held, may, wrong } = await walk.end();
        expect(wrong).toEqual([]);
        expect(may).toContainEqual(held);
      }),
      {
        numRuns: RUNS,
        seed: SEED,
        plugins: [fc.interruptAfterTimeLimit(RUNS * WALK_WITHIN_MS, { failOnInterrupt: true })],
      },
    );
  },
);

/** What died with its service is given up soon, and asked again. */
const GIVEN_UP_AFTER_MS = 3_000;
const service = () =>
  ({ caller: { sub: "faults", roles: ["service"] }, deadlineMs: Date.now() + GIVEN_UP_AFTER_MS }) as const;
const ADMIN = { caller: { sub: "faults", roles: ["admin"] } } as const;
const HOLDS = 200;

/** What a question was answered in the end: asked again, the same, as long as nobody knows whether it was done. */
async function told(ask: () => Promise<unknown>): Promise<string> {
  let outcome = "unknown";
  await until(async () => {
    outcome = await ask().then(
      () => "done",
      (thrown: unknown) => Fault.from(thrown).code,
    );
    return !UNKNOWN.has(outcome);
  }, QUIET_WITHIN_MS);
  return outcome;
}

const count = (list: readonly string[], what: string) => list.filter((each) => each === what).length;

test("200 holds of a user who can afford 50 give 50 and each ends once, while credits is killed twice", async () => {
  const { bus, books } = world();
  const user_id = "holder";
  await bus.ask(allocate, { user_id, amount: "45", source: "test" }, ADMIN);
  const ids = Array.from({ length: HOLDS }, (_, i) => `hold-${i}`);

  const making = ids.map((hold_id) =>
    told(() => bus.ask(createHold, { user_id, hold_id, amount: "1", ttl_s: 600 }, service())),
  );
  await world().kill("credits");
  const made = await Promise.all(making);
  expect([count(made, "done"), count(made, "insufficient_credits")]).toEqual([50, 150]);

  const given = ids.filter((_, i) => made[i] === "done");
  const ending = given.map((hold_id, i) => {
    const capture = { user_id, hold_id, amount: "0.5", service: "chat" };
    return told(() =>
      i % 2 === 0 ? bus.ask(captureHold, capture, service()) : bus.ask(releaseHold, { user_id, hold_id }, service()),
    );
  });
  await world().kill("credits");
  expect(count(await Promise.all(ending), "done")).toBe(50);

  expect(await calm(world(), performance.now() + QUIET_WITHIN_MS)).toEqual([]);
  const balance = await bus.ask(getBalance, { user_id }, ADMIN);
  expect("held" in balance && [print(balance.balance), print(balance.held)]).toEqual([
    "37.500000000000",
    "0.000000000000",
  ]);
  const states = await books.credits.many(
    z.object({ state: z.string(), n: z.coerce.number() }),
    sql`select state, count(*) as n from credit_holds where user_id = ${user_id} group by state order by state`,
  );
  expect(states).toEqual([
    { state: "captured", n: 25 },
    { state: "released", n: 25 },
  ]);
  const broken = (await audit(books)).filter(({ breaches }) => breaches.length > 0);
  expect(broken).toEqual([]);
});
