/** Chats through the proxy whose clients hang up, and whose service dies: each bill is charged once, and nobody overdraws. */
import { expect, test } from "vitest";
import { z } from "zod";
import { allocate, deduct } from "@tollbooth/shared/contracts/credits";
import { until } from "@tollbooth/shared/local/condition";
import { decimal, print } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import { audit } from "../tools/src/books.ts";
import { accountOf, chat, settled, settlement, unnamed, watchLeast, withMarkup, type Ended } from "./chats.ts";
import { Random, SEED } from "./random.ts";
import { calm } from "./scenario.ts";
import { QUIET_WITHIN_MS } from "./traffic.ts";
import { worldOfThisFile } from "./world.ts";

/** As long as the gateway of a running platform waits, and more: 200 at once take their time. */
const world = worldOfThisFile({ REQUEST_TIMEOUT_MS: "20000" });
const allBilled = () => world().provider.fake.billed();

const ADMIN = { caller: { sub: "faults", roles: ["admin"] } } as const;
/** FAULT_STREAMS=1000 for a long run. */
const STREAMS = Number(process.env["FAULT_STREAMS"] || 80);
const AT_ONCE = 50;
const USERS = 5;
/** Longer than the slowest of these streams takes on a machine that is not busy. */
const STREAM_MS = 2_500;
/** How long requests are left to a process that died: longer than 200 at once take until they are sent. */
const IN_HAND = { OPENROUTER_IN_HAND_S: "12" };
const SWEPT_WITHIN_MS = 45_000;
const LONG_MS = 600_000;

const STANDARD = withMarkup(decimal("0.10"));
const BUDGET = withMarkup(decimal("0.05"));
const messages = [{ role: "user", content: "x" }];

/** What OpenRouter does with a chat: mostly it is slow, so that there is something to leave. */
const MANNERS = ["slow", "slow", "slow", "", "slow truncated", "slow collapsing", "slow silent", "limited"];

test(
  `${STREAMS} clients that hang up at random pay for what OpenRouter billed, once each, and for nothing else`,
  async () => {
    const random = new Random(SEED);
    const users = Array.from({ length: USERS }, (_, i) => `leaver-${i}`);
    const tokens = await Promise.all(users.map((user) => world().platform.tokenFor(user, ["user"])));
    for (const user_id of users) await world().bus.ask(allocate, { user_id, amount: "1000", source: "test" }, ADMIN);
    const before = allBilled().length;
    const ends: Ended[] = [];
    const plans = Array.from({ length: STREAMS }, () => ({
      token: random.pick(tokens),
      body: {
        model: "openai/gpt-4.1",
        messages,
        max_tokens: 20,
        stream: random.chance(0.9),
        user: random.pick(MANNERS),
      },
      leavesAfterMs: random.whole(0, STREAM_MS),
    }));
    const next = plans.values();
    const lane = async () => {
      for (const { token, body, leavesAfterMs } of next)
        ends.push(await chat(world(), token, body, AbortSignal.timeout(leavesAfterMs)));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));

    await settled(world(), users, SWEPT_WITHIN_MS);
    expect(await calm(world(), performance.now() + QUIET_WITHIN_MS)).toEqual([]);
    const found = await settlement(world(), allBilled().slice(before), users, STANDARD);
    tell(`${STREAMS} streams (FAULT_SEED=${SEED})`, ends, found);
    expect(found).toMatchObject({ missing: [], doubled: [], wrong: [] });
    expect([found.billed > STREAMS / 2, ends.includes("gone")]).toEqual([true, true]);
    for (const user of users) expect(print((await accountOf(world(), user)).held)).toBe("0.000000000000");
    expect(await broken()).toEqual([]);
  },
  LONG_MS,
);

/** As many as the user has credits for at their dearest; what was bounded too high is not enough for one more. */
const AFFORDABLE = 50;
const ASKED = 200;
const CHAT = { model: "fake/precise", messages, max_tokens: 1_500, stream: true };

test(
  "of 200 chats at once of who can afford 50, whose service dies half way, no more than 50 are billed, and every hold ends",
  async () => {
    const user = "poor";
    const token = await world().platform.tokenFor(user, ["user"]);
    await world().platform.restart("openrouter", IN_HAND);
    await leaveFor(AFFORDABLE, user);
    const before = allBilled().length;
    const ends: Ended[] = [];
    const watch = watchLeast(world(), user);
    const asking = Promise.all(Array.from({ length: ASKED }, async () => ends.push(await askUntilTold(token))));
    expect(await until(async () => (await named(user)) >= AFFORDABLE / 2, QUIET_WITHIN_MS)).toBe(true);
    await world().kill("openrouter");
    await asking;
    await settled(world(), [user], SWEPT_WITHIN_MS);
    expect(await calm(world(), performance.now() + QUIET_WITHIN_MS)).toEqual([]);

    const found = await settlement(world(), allBilled().slice(before), [user], BUDGET);
    tell("200 chats, kill -9 of openrouter", ends, found);
    expect(found).toMatchObject({ doubled: [], wrong: [] });
    // Whose name was not heard before the death can never be asked for: nobody pays, and that is counted.
    expect(found.missing.length).toBeLessThanOrEqual(await unnamed(world(), [user]));
    expect(found.missing.length).toBeLessThanOrEqual(AFFORDABLE / 2);
    expect(found.billed).toBeLessThanOrEqual(AFFORDABLE);
    expect(found.billed).toBeGreaterThanOrEqual(AFFORDABLE / 2);
    expect((await watch.end()).isNegative()).toBe(false);
    // Holds of those that nobody can ask for end by themselves.
    await world().platform.restart("credits", { CREDITS_CLOCK_AHEAD_S: String(HOLDS_END_S) });
    const isFree = async () => (await accountOf(world(), user)).held.isZero();
    expect(await until(() => isFree().catch(() => false), QUIET_WITHIN_MS)).toBe(true);
    expect(await broken()).toEqual([]);
  },
  LONG_MS,
);

/** After this all holds have ended by themselves. */
const HOLDS_END_S = 3 * 3_600;

/** Leaves a user as much as so many chats may cost, all at once. */
async function leaveFor(chats: number, user_id: string): Promise<void> {
  const other = `as-${user_id}`;
  const token = await world().platform.tokenFor(other, ["user"]);
  // Prices come a moment after the platform.
  expect(await until(async () => (await chat(world(), token, CHAT)) === "whole", QUIET_WITHIN_MS)).toBe(true);
  const { amount } = await world().books.credits.one(
    z.object({ amount: z.string() }),
    sql`select amount from credit_holds where user_id = ${other}`,
  );
  await world().bus.ask(allocate, { user_id, amount: "1", source: "test" }, ADMIN);
  const { available } = await accountOf(world(), user_id);
  const rest = available.minus(decimal(amount).times(chats));
  await world().bus.ask(deduct, { user_id, amount: print(rest), service: "test" }, ADMIN);
}

/** Asks anew where nothing was done because the service is away. */
async function askUntilTold(token: string): Promise<Ended> {
  let ended: Ended = 503;
  await until(async () => {
    ended = await chat(world(), token, CHAT);
    return ended !== 503;
  }, QUIET_WITHIN_MS);
  return ended;
}

/** How many of his chats OpenRouter has told a name of. */
function named(user: string): Promise<number> {
  return world().books.openrouter.run(
    sql`select from routed_requests where user_id = ${user} and generation_id is not null`,
  );
}

async function broken(): Promise<string[]> {
  return (await audit(world().books)).flatMap(({ breaches }) => breaches);
}

function tell(what: string, ends: readonly Ended[], found: Awaited<ReturnType<typeof settlement>>): void {
  const kinds = [...new Set(ends)].map((end) => `${ends.filter((each) => each === end).length} x ${end}`);
  const { billed, missing, doubled, wrong } = found;
  console.log(
    `${what}: ${kinds.join(", ")}; ${billed} billed, ${missing.length} lost, ${doubled.length} doubled, ${wrong.length} wrong`,
  );
}
