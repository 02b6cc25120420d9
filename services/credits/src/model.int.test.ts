/** Several clients ask two replicas at once, and an accountant who knows no lots audits every answer. */
import fc from "fast-check";
import { newId } from "@tollbooth/shared/id";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { openDb } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import type { Reply } from "@tollbooth/shared/handler";
import { contentHash } from "@tollbooth/shared/idempotency";
import { breachesOf } from "@tollbooth/shared/law";
import { decimal, ZERO } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import type { Command } from "./command.ts";
import { laws } from "./laws.ts";
import { factsOf, tellBalance } from "./balance.ts";
import type { Decision } from "./ledger.ts";
import { openPoster, submit, type Poster } from "./posting.ts";
import {
  answer,
  contentOf,
  CREDIT,
  openLedger,
  tell,
  tellCustomer,
  textOf,
  type Ask,
  type Deed,
  type Ledger,
} from "./testing/accountant.ts";
import { ADMIN, DAY_MS, grant, switchTo, TIERS } from "./testing/commands.ts";

const { db, url } = await testDatabase("credits");
const replicaDb = openDb({ url, name: "replica", poolMax: 4 });
afterAll(() => replicaDb.close());
const replicas = [db, replicaDb].map((each) => openPoster(each, { aheadMs: 0 }, () => {}));

const OVERDRAFT = 3n * CREDIT;
/** The name of a request is the id of its event too, where it is one. */
const names = newId;

/** All that the accountant holds possible, and what was asked so far. */
interface Model {
  ledgers: Ledger[];
  readonly asked: Ask[];
}

/** What a client is going to do: of `again` and `of` those that were asked before are meant, by number. */
interface Plan {
  readonly client: number;
  readonly user: number;
  readonly replica: number;
  readonly key: number | null;
  readonly deed:
    | Exclude<Deed, { op: "refund" }>
    | { readonly op: "refund"; readonly amount: bigint; readonly of: number | null };
  readonly again: number | null;
}

/** Requests that are asked at once. The ledger may do them in any order, but as if in one. */
class Round implements fc.AsyncCommand<Model, readonly string[]> {
  readonly #plans: readonly Plan[];

  constructor(plans: readonly Plan[]) {
    this.#plans = plans;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, users: readonly string[]): Promise<void> {
    const asks = this.#plans.map((plan) => askOf(plan, model.asked, users));
    const lines = await linesOf(users);
    const answers = await Promise.all(
      asks.map((ask, i) => askFor(replicas[(this.#plans[i] as Plan).replica] as Poster, ask, lines)),
    );
    const rows = await rowsOf(users);
    const possible = model.ledgers
      .flatMap((ledger) => afterAny(ledger, asks, answers))
      .filter((ledger) => users.every((user) => rows.get(user) === tellRow(ledger, user)));
    const story = asks.map((ask, i) => `${contentOf(ask)}: ${answers[i]}`).join("\n");
    expect(possible.length, `no order explains\n${story}`).toBeGreaterThan(0);
    model.ledgers = [...new Map(possible.map((ledger) => [textOf(ledger), ledger])).values()];
    model.asked.push(...asks);
  }

  toString(): string {
    return textOf(this.#plans);
  }
}

function askOf(plan: Plan, asked: readonly Ask[], users: readonly string[]): Ask {
  const before = plan.again === null ? undefined : asked[plan.again % Math.max(1, asked.length)];
  if (before !== undefined) return before;
  const { deed } = plan;
  return {
    name: names(),
    client: `${users[0]} client ${plan.client}`,
    user: users[plan.user] as string,
    key: plan.key === null ? null : `key ${plan.key}`,
    deed:
      deed.op === "refund"
        ? { ...deed, of: deed.of === null ? null : (asked[deed.of % Math.max(1, asked.length)]?.name ?? names()) }
        : deed,
  };
}

/** The books after these requests were done in each order that explains the answers. */
function afterAny(ledger: Ledger, asks: readonly Ask[], answers: readonly string[]): Ledger[] {
  if (asks.length === 0) return [ledger];
  return asks.flatMap((ask, i) => {
    const after = structuredClone(ledger);
    if (answer(after, ask) !== answers[i]) return [];
    const others = <T>(all: readonly T[]) => all.filter((_, j) => j !== i);
    return afterAny(after, others(asks), others(answers));
  });
}

// ---- the ledger itself -----------------------------------------------------------------------------------------------

function commandOf({ name, deed }: Ask, lines: ReadonlyMap<string, string>): Command {
  const amount = "amount" in deed ? decimal(tell(deed.amount)) : ZERO;
  const use = { amount, service: "chat", actor: ADMIN, key: name } as const;
  switch (deed.op) {
    case "allocate":
      return grant(amount.toFixed());
    case "deduct":
      return { kind: "deduct", ...use };
    case "charge":
      return { kind: "charge", ...use, freeValue: ZERO, holdId: deed.hold ?? undefined };
    case "hold":
      return { kind: "hold", holdId: deed.hold, amount, ttlMs: DAY_MS };
    case "capture":
      return { kind: "capture", ...use, holdId: deed.hold };
    case "release":
      return { kind: "release", holdId: deed.hold };
    case "refund": {
      const transactionId = deed.of === null ? undefined : (lines.get(deed.of) ?? names());
      return { kind: "refund", amount, reason: "test", actor: ADMIN, transactionId };
    }
    case "switch":
      return switchTo(TIERS[deed.tier as "trial"]);
    default:
      return deed satisfies never;
  }
}

async function askFor(poster: Poster, ask: Ask, lines: ReadonlyMap<string, string>): Promise<string> {
  const post = { userId: ask.user, command: commandOf(ask, lines) };
  const once =
    ask.deed.op === "charge"
      ? { eventId: ask.name, tell: ({ account }: Decision) => tellBalance(factsOf(account)) }
      : {
          keyed:
            ask.key === null
              ? undefined
              : { callerId: ask.client, key: `rest:${ask.key}`, hash: contentHash(contentOf(ask)) },
        };
  return submit(poster, { ...post, ...once }).then(inWords, (error: unknown) => {
    if (!(error instanceof Fault)) throw error;
    const { required, available } = error.more.facts ?? {};
    return required === undefined ? error.code : `${error.code} ${required} ${available}`;
  });
}

const Balance = z.object({ balance: z.string(), available: z.string(), held: z.string(), tier: z.string() });

function inWords({ json, replayed }: Reply): string {
  if (json === "null") return "again null";
  const { balance, available, held, tier } = Balance.parse(JSON.parse(json));
  return `${replayed ? "again " : ""}ok ${balance} ${available} ${held} ${tier}`;
}

/** The ids of lines by the names of the requests that made them. */
async function linesOf(users: readonly string[]): Promise<Map<string, string>> {
  const rows = await db.many(
    z.object({ id: z.string(), key: z.string() }),
    sql`select id, key from credit_transactions where user_id = any(${users}) and key is not null`,
  );
  return new Map(rows.map(({ id, key }) => [key, id]));
}

async function rowsOf(users: readonly string[]): Promise<Map<string, string>> {
  const rows = await db.many(
    z.object({ user_id: z.string(), row: z.string() }),
    sql`select user_id, concat_ws(' ', 'ok', balance, balance - held, held, tier) as row from user_credits where user_id = any(${users})`,
  );
  return new Map(rows.map(({ user_id, row }) => [user_id, row]));
}

function tellRow(ledger: Ledger, user: string): string {
  return tellCustomer(ledger.customers[user] as Ledger["customers"][string]);
}

// ---- what is asked -----------------------------------------------------------------------------------------------------

const anyAmount = fc.oneof(
  fc.bigInt(1n, 9n).map((credits) => credits * CREDIT),
  fc.bigInt(1n, 20n * CREDIT),
);
const anyHold = fc.constantFrom("h1", "h2", "h3");
const anyDeed: fc.Arbitrary<Plan["deed"]> = fc.oneof(
  fc.record({ op: fc.constant("allocate" as const), amount: anyAmount.map((amount) => amount * 3n) }),
  fc.record({ op: fc.constant("deduct" as const), amount: anyAmount }),
  fc.record({ op: fc.constant("charge" as const), amount: anyAmount, hold: fc.option(anyHold) }),
  fc.record({ op: fc.constant("hold" as const), amount: anyAmount, hold: anyHold }),
  fc.record({ op: fc.constant("capture" as const), amount: anyAmount, hold: anyHold }),
  fc.record({ op: fc.constant("release" as const), hold: anyHold }),
  fc.record({ op: fc.constant("refund" as const), amount: anyAmount, of: fc.option(fc.nat(50)) }),
  fc.record({ op: fc.constant("switch" as const), tier: fc.constantFrom("trial", "starter", "professional") }),
);
const anyPlan: fc.Arbitrary<Plan> = fc.record({
  client: fc.nat(2),
  user: fc.nat(1),
  replica: fc.nat(1),
  key: fc.option(fc.nat(7), { freq: 2 }),
  deed: anyDeed,
  again: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(50) }),
});
const anyRound = fc.array(anyPlan, { minLength: 1, maxLength: 4 }).map((plans) => new Round(plans));

let runs = 0;

/** Two users whom nobody has seen before this run, of whom one may hold more than he has. */
async function open(): Promise<{ model: Model; real: readonly string[] }> {
  const users = [`model-${++runs} a`, `model-${runs} b`] as const;
  await Promise.all(users.map((userId) => submit(replicas[0] as Poster, { userId, command: { kind: "settle" } })));
  await db.run(sql`update user_credits set overdraft_limit = ${tell(OVERDRAFT)} where user_id = ${users[1]}`);
  return { model: { ledgers: [openLedger({ [users[0]]: 0n, [users[1]]: OVERDRAFT })], asked: [] }, real: users };
}

test(
  "whatever clients ask at once of two replicas, every answer is one that an accountant would give in some order",
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands([anyRound], { maxCommands: 10, size: "max" }), async (rounds) => {
        const start = await open();
        await fc.asyncModelRun(() => start, rounds);
      }),
      { numRuns: 50 },
    );
  },
);

test.each(laws.map((law) => [law.says, law] as const))("after all of it %s", async (_, law) => {
  expect(await breachesOf(db, law)).toEqual([]);
});
