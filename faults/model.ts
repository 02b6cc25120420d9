/**
 * A simple model of the whole platform: the accountant of credits, beside him events, coupons and their keys, and between
 * them what was told to credits and has not come there yet. It knows no lots, no prices, no messages and no processes.
 */
import {
  answer as answerOfCredits,
  once,
  openLedger,
  tell,
  tellCustomer,
  textOf,
  type Ask as CreditsAsk,
  type Deed as CreditsDeed,
  type Keys,
  type Ledger,
} from "../services/credits/src/testing/accountant.ts";

/** An event as it is reported, over REST or over NATS. */
export interface Use {
  readonly source: string;
  readonly event: string;
  readonly amount: bigint;
  readonly hold: string | null;
}

export type Deed =
  | Exclude<CreditsDeed, { op: "charge" }>
  | { readonly op: "look" }
  | (Use & { readonly op: "track" })
  | (Use & { readonly op: "report" })
  | { readonly op: "redeem"; readonly code: string };

/** Something that a client asks. */
export interface Ask extends Omit<CreditsAsk, "deed"> {
  readonly deed: Deed;
  /** The id of the line that a refund names; the model knows it by the name of what took it. */
  readonly line?: string;
}

/** What he was answered in the end. */
export interface Told {
  readonly ask: Ask;
  /** In the model's words; `again` before it: it was said to be the answer of an earlier request. */
  readonly answer: string;
  /** He asked more than once until he knew: whether his own first try or an earlier request did it, he cannot tell. */
  readonly isInsistent: boolean;
}

interface Coupon {
  readonly award: bigint;
  left: number;
  readonly users: string[];
}

/** One state that the platform may be in. */
export interface State {
  readonly ledger: Ledger;
  readonly events: Record<string, { readonly content: string; readonly charged: bigint }>;
  readonly coupons: Record<string, Coupon>;
  /** Of usage and of coupons: each service knows its own. */
  readonly keys: { readonly usage: Keys; readonly coupons: Keys };
  /** Charges and awards on their way to credits: each comes once, sooner or later. */
  waiting: CreditsAsk[];
  /** The journal, in no order. */
  readonly lines: string[];
}

const TYPES: Readonly<Record<string, string>> = {
  allocate: "allocation",
  switch: "allocation",
  refund: "refund",
  deduct: "usage",
  capture: "usage",
  charge: "usage",
  award: "bonus",
};

/** A platform with users whom credits has just met, and coupons: how often each can be redeemed, for how much. */
export function openState(users: readonly string[], coupons: Readonly<Record<string, Omit<Coupon, "users">>>): State {
  const ledger = openLedger(Object.fromEntries(users.map((user) => [user, 0n])));
  return {
    ledger,
    events: {},
    coupons: Object.fromEntries(Object.entries(coupons).map(([code, coupon]) => [code, { ...coupon, users: [] }])),
    keys: { usage: {}, coupons: {} },
    waiting: [],
    lines: users.map((user) => lineOf(user, "allocate", (ledger.customers[user] as { balance: bigint }).balance)),
  };
}

/** The states after these were asked at once: in any order that explains all answers, from any of these states. */
export function statesAfter(states: readonly State[], told: readonly Told[]): State[] {
  const after = states.flatMap((state) => afterAny(state, told));
  return [...new Map(after.map((state) => [textOf(state), state])).values()];
}

function afterAny(state: State, told: readonly Told[]): State[] {
  if (told.length === 0) return [state];
  return told.flatMap((each, i) =>
    afterOne(state, each).flatMap((after) =>
      afterAny(
        after,
        told.filter((_, j) => j !== i),
      ),
    ),
  );
}

/** For all that may have come to credits before: the state afterwards, where it gives the answer that was told. */
function afterOne(state: State, { ask, answer, isInsistent }: Told): State[] {
  const bare = (text: string) => (isInsistent ? text.replace(/^again /, "") : text);
  return arrivals(state, ask).filter((after) => bare(answerOf(after, ask)) === bare(answer));
}

/** A copy of the state for each part of what waits for the user of this request; one copy where credits is not asked. */
function arrivals(state: State, { user, deed }: Ask): State[] {
  const isCredits = !["track", "report", "redeem"].includes(deed.op);
  const mine = isCredits ? state.waiting.filter((fact) => fact.user === user) : [];
  return Array.from({ length: 2 ** mine.length }, (_, bits) => {
    const after = structuredClone(state);
    arrive(after, new Set(mine.filter((_fact, i) => (bits >> i) % 2 === 1).map(({ name }) => name)));
    return after;
  });
}

function arrive(state: State, names: ReadonlySet<string>): void {
  for (const fact of state.waiting) if (names.has(fact.name)) post(state, fact);
  state.waiting = state.waiting.filter(({ name }) => !names.has(name));
}

/** What must be answered, if it is asked now; written down. */
function answerOf(state: State, ask: Ask): string {
  const { user, deed } = ask;
  switch (deed.op) {
    case "look":
      return tellCustomer(state.ledger.customers[user] as Ledger["customers"][string]);
    case "track":
      return once(state.keys.usage, ask, () => record(state, user, deed));
    case "report":
      record(state, user, deed);
      return "sent";
    case "redeem":
      return once(state.keys.coupons, ask, () => redeem(state, user, deed.code));
    case "hold":
    case "capture":
    case "release":
      // A hold's answer tells what is available besides, and not whether it is an old answer.
      return post(state, { ...ask, deed }).replace(/^(again )?ok \S+ (\S+) .*$/, "ok $2");
    case "allocate":
    case "deduct":
    case "refund":
    case "switch":
      return post(state, { ...ask, deed });
    default:
      return deed satisfies never;
  }
}

function post(state: State, ask: CreditsAsk): string {
  const customer = state.ledger.customers[ask.user] as Ledger["customers"][string];
  const before = customer.balance;
  const answered = answerOfCredits(state.ledger, ask);
  const isAward = ask.deed.op === "allocate" && ask.client === AWARDS;
  const moved = customer.balance - before;
  if (moved !== 0n) state.lines.push(lineOf(ask.user, isAward ? "award" : ask.deed.op, moved));
  state.lines.sort();
  return answered;
}

function lineOf(user: string, op: string, moved: bigint): string {
  return `${user} ${TYPES[op]} ${tell(moved)}`;
}

function record(state: State, user: string, use: Use): string {
  const name = eventName(user, use);
  const content = `${tell(use.amount)} ${use.hold}`;
  const known = state.events[name];
  if (known !== undefined && known.content !== content) return "idempotency_conflict";
  if (known === undefined) {
    state.events[name] = { content, charged: use.amount };
    const deed = { op: "charge", amount: use.amount, hold: use.hold } as const;
    wait(state, { name, client: "usage", user, key: null, deed });
  }
  return `ok ${tell(use.amount)}`;
}

/** The name of an event; of its charge, too. */
export function eventName(user: string, { source, event }: Use): string {
  return `${user} ${source} ${event}`;
}

/** In whose name coupons award. */
const AWARDS = "coupons";

function redeem(state: State, user: string, code: string): string {
  const coupon = state.coupons[code] as Coupon;
  if (coupon.users.includes(user)) return "already_redeemed";
  if (coupon.left === 0) return "coupon_exhausted";
  coupon.left -= 1;
  coupon.users.push(user);
  coupon.users.sort();
  const deed = { op: "allocate", amount: coupon.award } as const;
  wait(state, { name: `${code} ${user}`, client: AWARDS, user, key: null, deed });
  return `ok ${tell(coupon.award)}`;
}

/** In an order of names: states that differ in nothing else are one. */
function wait(state: State, fact: CreditsAsk): void {
  state.waiting = [...state.waiting, fact].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** What the databases hold of these users. */
export interface Holdings {
  readonly balances: readonly string[];
  readonly lines: readonly string[];
  readonly events: readonly string[];
  readonly redemptions: readonly string[];
}

/** What they must hold when all has come that was on its way. */
export function holdingsOf(state: State): Holdings {
  const end = structuredClone(state);
  arrive(end, new Set(end.waiting.map(({ name }) => name)));
  const redemptions = Object.entries(end.coupons).flatMap(([code, { users }]) =>
    users.map((user) => `${code} ${user}`),
  );
  return {
    balances: Object.entries(end.ledger.customers).map(([user, customer]) => `${user} ${tellCustomer(customer)}`),
    lines: end.lines,
    events: Object.entries(end.events)
      .map(([name, { charged }]) => `${name} ${tell(charged)}`)
      .toSorted(),
    redemptions: redemptions.toSorted(),
  };
}
