/** What clients are going to ask, at random, and what breaks meanwhile: the walks of the model test. */
import fc from "fast-check";
import { newId } from "@tollbooth/shared/id";
import { CREDIT } from "../services/credits/src/testing/accountant.ts";
import { HARMS, type Harm } from "./harms.ts";
import { eventName, type Ask, type Deed } from "./model.ts";

/** Of `again` and `of` earlier requests are meant, by number; of `key` one of the client's own. */
export interface Plan {
  readonly client: number;
  readonly user: number;
  readonly key: number | null;
  readonly deed: PlannedDeed;
  readonly again: number | null;
}

export type PlannedDeed =
  | { readonly op: "look" }
  | { readonly op: "allocate" | "deduct"; readonly amount: bigint }
  | { readonly op: "hold" | "capture"; readonly amount: bigint; readonly hold: string }
  | { readonly op: "release"; readonly hold: string }
  | { readonly op: "refund"; readonly amount: bigint; readonly of: number | null }
  | { readonly op: "switch"; readonly tier: string }
  | { readonly op: "redeem"; readonly coupon: number }
  /** Of one event the user or the service tells now this, now that. */
  | {
      readonly op: "track";
      readonly event: number;
      readonly amount: bigint;
      readonly by: "user" | "service";
      readonly hold: string | null;
    }
  /** Of one event the service tells the same over REST and over NATS, whichever is first. */
  | { readonly op: "tell"; readonly event: number; readonly over: "REST" | "NATS" };

/** Requests that are made at once; the harm comes with the first answer to one of them. */
export interface Round {
  readonly plans: readonly Plan[];
  readonly harm: Harm | null;
}

/** So many users, so many services and so many admins. */
export const CLIENTS = 2;
export const COUPONS = 3;
const ROUNDS = 10;
/** What happens at one moment: a walk is no siege. */
const SUDDEN = new Set(["kill -9", "database connections cut", "delivered again", "the broker's store deleted"]);
const STRIKES = HARMS.filter(({ kind }) => SUDDEN.has(kind));
const AT_ONCE_MAX = 4;

const anyAmount = fc.oneof(
  fc.bigInt(1n, 9n).map((credits) => credits * CREDIT),
  fc.bigInt(1n, 5n * CREDIT),
);
const anyHold = fc.constantFrom("h1", "h2", "h3");
const one = <const T extends string>(op: T) => fc.constant(op);

const anyDeed: fc.Arbitrary<PlannedDeed> = fc.oneof(
  fc.record({ op: one("look") }),
  fc.record({ op: one("allocate"), amount: anyAmount.map((amount) => amount * 2n) }),
  fc.record({ op: one("deduct"), amount: anyAmount }),
  fc.record({ op: one("hold"), amount: anyAmount, hold: anyHold }),
  fc.record({ op: one("capture"), amount: anyAmount, hold: anyHold }),
  fc.record({ op: one("release"), hold: anyHold }),
  fc.record({ op: one("refund"), amount: anyAmount, of: fc.option(fc.nat(50)) }),
  fc.record({ op: one("switch"), tier: fc.constantFrom("trial", "starter", "professional") }),
  fc.record({ op: one("redeem"), coupon: fc.nat(COUPONS - 1) }),
  fc.record({
    op: one("track"),
    event: fc.nat(3),
    amount: anyAmount,
    by: fc.constantFrom("user" as const, "service" as const),
    hold: fc.option(anyHold, { freq: 2 }),
  }),
  fc.record({ op: one("tell"), event: fc.nat(3), over: fc.constantFrom("REST" as const, "NATS" as const) }),
);

const anyPlan: fc.Arbitrary<Plan> = fc.record({
  client: fc.nat(1),
  user: fc.nat(1),
  key: fc.option(fc.nat(5), { freq: 2 }),
  deed: anyDeed,
  again: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(50) }),
});

const anyRound: fc.Arbitrary<Round> = fc.record({
  plans: fc.array(anyPlan, { maxLength: AT_ONCE_MAX, size: "max" }),
  harm: fc.option(fc.constantFrom(...STRIKES), { freq: 2 }),
});

/** Always as many rounds, the first walks too; one that shrinks has nothing left in it. */
export const anyWalk = fc.noBias(fc.array(anyRound, { minLength: ROUNDS, maxLength: ROUNDS }));

/** What the events cost of which the same is told twice, and the holds that they name. */
const COST = CREDIT / 4n + 1_000_000n;
const HOLDS = [null, "h1", "h2", "h3"] as const;
/** Who asks what; of holds the user's own id is the key's. */
const ROLES = {
  look: "admin",
  allocate: "admin",
  refund: "admin",
  deduct: "service",
  tell: "service",
  hold: "user",
  capture: "user",
  release: "user",
  switch: "user",
  redeem: "user",
} as const;

/** The code of a walk's coupon. */
export function codeOf(name: string, coupon: number): string {
  return `${name}-${coupon}`.toUpperCase();
}

/** What was asked in a walk, and what a plan makes of it. */
export class Asks {
  readonly #name: string;
  readonly users: readonly string[];
  readonly #asked: Ask[] = [];
  #amounts = 0n;

  constructor(name: string, users: readonly string[]) {
    this.#name = name;
    this.users = users;
  }

  get count(): number {
    return this.#asked.length;
  }

  /** Remembers what was asked. */
  done(asks: readonly Ask[]): void {
    this.#asked.push(...asks);
  }

  /** What a plan asks; `lineOf` finds the line that took so much of a user. */
  async of(plan: Plan, lineOf: (user: string, amount: bigint) => Promise<string | undefined>): Promise<Ask> {
    const before = plan.again === null ? undefined : this.#earlier(plan.again);
    if (before !== undefined) return before;
    const { deed } = plan;
    const user = this.users[plan.user] as string;
    const role = deed.op === "track" ? deed.by : ROLES[deed.op];
    const client = role === "user" ? user : `${this.#name}-${role}-${plan.client}`;
    const name = newId();
    const key =
      "hold" in deed && deed.op !== "track"
        ? `hold ${deed.hold} ${deed.op}`
        : plan.key === null
          ? name
          : `key ${plan.key}`;
    const ask = { name, user, client, key };
    if (deed.op === "refund") return { ...ask, ...(await this.#refund(this.#unique(deed.amount), deed.of, lineOf)) };
    return { ...ask, deed: this.#deedOf(deed, client, plan.client) };
  }

  #deedOf(deed: Exclude<PlannedDeed, { op: "refund" }>, client: string, number: number): Deed {
    switch (deed.op) {
      case "redeem":
        return { op: "redeem", code: codeOf(this.#name, deed.coupon) };
      case "track": {
        const whose = deed.by === "user" ? { source: "user", hold: null } : { source: client, hold: deed.hold };
        return { op: "track", event: `own-${deed.event}`, amount: this.#unique(deed.amount), ...whose };
      }
      case "tell": {
        const amount = COST * BigInt(deed.event + 1) + BigInt(number);
        const use = { source: client, event: `same-${deed.event}`, amount, hold: HOLDS[deed.event] ?? null };
        return { op: deed.over === "REST" ? "track" : "report", ...use };
      }
      case "allocate":
      case "deduct":
      case "hold":
      case "capture":
        return { ...deed, amount: this.#unique(deed.amount) };
      case "look":
      case "release":
      case "switch":
        return deed;
      default:
        return deed satisfies never;
    }
  }

  /** Of what another request took, by the line that is there now; where there is none, of a line that never is. */
  async #refund(
    amount: bigint,
    of: number | null,
    lineOf: (user: string, amount: bigint) => Promise<string | undefined>,
  ): Promise<Pick<Ask, "deed" | "line">> {
    const taking = of === null ? undefined : this.#earlier(of);
    if (taking === undefined) return { deed: { op: "refund", amount, of: null } };
    const { deed, user } = taking;
    const line = "amount" in deed ? await lineOf(user, deed.amount) : undefined;
    const nothing = newId();
    if (line === undefined) return { deed: { op: "refund", amount, of: nothing }, line: nothing };
    const name = deed.op === "track" || deed.op === "report" ? eventName(user, deed) : taking.name;
    return { deed: { op: "refund", amount, of: name }, line };
  }

  /** No two requests are about the same amount: what is equal is the same, and a line is found by its amount. */
  #unique(amount: bigint): bigint {
    this.#amounts += 1n;
    return amount + this.#amounts;
  }

  #earlier(number: number): Ask | undefined {
    return this.#asked[number % Math.max(1, this.#asked.length)];
  }
}
