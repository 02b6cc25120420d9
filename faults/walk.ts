/** One walk of the model test: rounds of requests, a harm in some of them, and in the end all that the platform holds. */
import { z } from "zod";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { CREDIT, tell, textOf } from "../services/credits/src/testing/accountant.ts";
import { audit } from "../tools/src/books.ts";
import { Clients } from "./clients.ts";
import type { Harm } from "./harms.ts";
import { holdingsOf, openState, statesAfter, type Ask, type Holdings, type State, type Told } from "./model.ts";
import { Random, SEED } from "./random.ts";
import { Asks, CLIENTS, codeOf, COUPONS, type Round } from "./plans.ts";
import { calm } from "./scenario.ts";
import { QUIET_WITHIN_MS } from "./traffic.ts";
import type { World } from "./world.ts";

export class Walk {
  readonly #world: World;
  readonly #random = new Random(SEED);
  readonly #clients: Clients;
  readonly #asks: Asks;
  readonly #harms: string[] = [];
  /** All states that the platform may be in, by all that was told. */
  #states: State[];

  /** Begins with two users, whom nobody has seen before, and a few coupons. */
  static async open(world: World, name: string): Promise<Walk> {
    const roles = (["user", "service", "admin"] as const).flatMap((role) =>
      Array.from({ length: CLIENTS }, (_, i) => [`${name}-${role}-${i}`, role] as const),
    );
    const clients = await Clients.open(world, new Map(roles));
    const coupons: Record<string, { award: bigint; left: number }> = {};
    for (let i = 0; i < COUPONS; i++) {
      const [code, award, left] = [codeOf(name, i), CREDIT / 2n + BigInt(i), i + 1];
      coupons[code] = { award, left };
      const body = { code, coupon_type: "credit_bonus", value: tell(award), max_uses: left };
      await clients.post(`${name}-admin-0`, code, "/coupons/create", body);
    }
    const users = roles.flatMap(([sub, role]) => (role === "user" ? [sub] : []));
    return new Walk(world, clients, new Asks(name, users), openState(users, coupons));
  }

  private constructor(world: World, clients: Clients, asks: Asks, state: State) {
    this.#world = world;
    this.#clients = clients;
    this.#asks = asks;
    this.#states = [state];
  }

  /** Asks at once; throws where no order of the requests explains what was answered. */
  async play({ plans, harm }: Round): Promise<void> {
    const asks: Ask[] = [];
    for (const plan of plans) asks.push(await this.#asks.of(plan, (user, amount) => this.#lineOf(user, amount)));
    const asking = asks.map((ask) => this.#clients.ask(ask));
    const harming = harm === null ? undefined : this.#strike(harm, asking);
    const told = await Promise.all(asking);
    await harming;
    const after = statesAfter(this.#states, told);
    if (after.length === 0) throw new Error(inexplicable(this.#states, told));
    this.#states = after;
    this.#asks.done(asks);
  }

  /** Harms as soon as one of these is answered. */
  async #strike({ name, to }: Harm, asking: readonly Promise<unknown>[]): Promise<void> {
    if (asking.length > 0) await Promise.race(asking);
    this.#harms.push(name);
    // Where the last harm has just taken down what this one would harm, there is nothing to harm.
    await to(this.#world, this.#random).catch(() => {});
  }

  /** When all is quiet: what the databases hold, what they may hold by the model, and what else is wrong. */
  async end(): Promise<{ held: Holdings; may: readonly Holdings[]; wrong: readonly string[] }> {
    const beginMs = performance.now();
    await this.#clients.confirmReports();
    const waiting = await calm(this.#world, beginMs + QUIET_WITHIN_MS);
    const quietS = ((performance.now() - beginMs) / 1000).toFixed(1);
    const broken = (await audit(this.#world.books)).filter(({ breaches }) => breaches.length > 0);
    const bugs = this.#clients.rest.seen.get("500") ?? 0;
    const harms = this.#harms.join(", ") || "nothing";
    console.log(
      `  ${this.#asks.count} requests, ${this.#clients.insisted} of them again and again; ${harms}; quiet after ${quietS} s`,
    );
    return {
      held: await this.#held(),
      may: this.#states.map(holdingsOf),
      wrong: [
        ...waiting,
        ...broken.map(({ says, breaches }) => `${says}: ${breaches.join(", ")}`),
        ...(bugs > 0 ? [`${bugs} x 500`] : []),
      ],
    };
  }

  /** The line that took so much of this user, if it is there. */
  async #lineOf(user: string, amount: bigint): Promise<string | undefined> {
    const look = () =>
      this.#world.books.credits.maybe(
        z.object({ id: z.string() }),
        sql`select id from credit_transactions where user_id = ${user} and amount = ${tell(-amount)}`,
      );
    let line: string | undefined;
    const isKnown = () =>
      look().then(
        (row) => ((line = row?.id), true),
        () => false,
      );
    if (await until(isKnown, QUIET_WITHIN_MS)) return line;
    throw new Error("the database of credits is still away");
  }

  async #held(): Promise<Holdings> {
    const { credits, usage, coupons } = this.#world.books;
    const ours = sql`user_id = any(${this.#asks.users})`;
    const texts = async (db: typeof credits, query: ReturnType<typeof sql>) =>
      (await db.many(z.object({ text: z.string() }), query)).map(({ text }) => text).toSorted();
    return {
      balances: await texts(
        credits,
        sql`select concat_ws(' ', user_id, 'ok', balance, balance - held, held, tier) as text from user_credits where ${ours}`,
      ),
      lines: await texts(
        credits,
        sql`select concat_ws(' ', user_id, transaction_type, amount) as text from credit_transactions where ${ours}`,
      ),
      events: await texts(
        usage,
        sql`select concat_ws(' ', user_id, source, event_id, charged) as text from usage_events where ${ours}`,
      ),
      redemptions: await texts(
        coupons,
        sql`select concat_ws(' ', code, user_id) as text from coupon_redemptions where ${ours}`,
      ),
    };
  }
}

function inexplicable(states: readonly State[], told: readonly Told[]): string {
  const story = told.map(
    ({ ask, answer, isInsistent }) => `${textOf(ask)} was told${isInsistent ? ", at last," : ""} ${answer}`,
  );
  return [
    "no order explains that",
    ...story,
    "where the platform was in one of these states",
    ...states.map(textOf),
  ].join("\n");
}
