/**
 * A simple accountant who knows no lots: he audits every answer of the ledger by balances, holds and keys alone. Amounts are
 * whole numbers of 10^-12 credits.
 */

export type Deed =
  | { readonly op: "allocate"; readonly amount: bigint }
  | { readonly op: "deduct"; readonly amount: bigint }
  /** An event: what was served, out of a hold if it names one. */
  | { readonly op: "charge"; readonly amount: bigint; readonly hold: string | null }
  | { readonly op: "hold"; readonly hold: string; readonly amount: bigint }
  | { readonly op: "capture"; readonly hold: string; readonly amount: bigint }
  | { readonly op: "release"; readonly hold: string }
  /** Of what another request took, or of nothing. */
  | { readonly op: "refund"; readonly amount: bigint; readonly of: string | null }
  | { readonly op: "switch"; readonly tier: string };

/** Something that a client asks. */
export interface Ask {
  /** Its own, also when it is asked again. */
  readonly name: string;
  readonly client: string;
  readonly user: string;
  /** Of this client; an event is its own key. */
  readonly key: string | null;
  readonly deed: Deed;
}

interface Holding {
  readonly amount: bigint;
  readonly active: boolean;
  /** Something was taken for it. */
  readonly settled: boolean;
}

interface Customer {
  balance: bigint;
  readonly overdraft: bigint;
  tier: string;
  granted: bigint;
  readonly holds: Record<string, Holding>;
}

/** What was answered first under a key. */
export type Keys = Record<string, { readonly content: string; readonly answer: string }>;

/** All that he has written down. */
export interface Ledger {
  readonly customers: Record<string, Customer>;
  readonly keys: Keys;
  readonly events: Record<string, true>;
  /** What was taken by whose request, and given back of it. */
  readonly taken: Record<string, { readonly user: string; readonly amount: bigint; refunded: bigint }>;
}

export const CREDIT = 10n ** 12n;
const TIERS: Readonly<Record<string, { readonly price: number; readonly credits: bigint }>> = {
  trial: { price: 4, credits: 5n * CREDIT },
  starter: { price: 19, credits: 20n * CREDIT },
  professional: { price: 49, credits: 60n * CREDIT },
};
const REMEMBERED = /^(ok|insufficient_credits|hold_ended|already_redeemed|coupon_exhausted)\b/;

/** The books of new customers, each with how far his holds may go below nothing. */
export function openLedger(overdrafts: Readonly<Record<string, bigint>>): Ledger {
  const customers: Record<string, Customer> = {};
  for (const [user, overdraft] of Object.entries(overdrafts)) {
    customers[user] = { balance: 5n * CREDIT, overdraft, tier: "trial", granted: 5n * CREDIT, holds: {} };
  }
  return { customers, keys: {}, events: {}, taken: {} };
}

/** What must be answered, if it is asked now; written down. */
export function answer(ledger: Ledger, ask: Ask): string {
  if (ask.deed.op === "charge") {
    if (ledger.events[ask.name]) return "again null";
    ledger.events[ask.name] = true;
    return perform(ledger, ask);
  }
  return once(ledger.keys, ask, () => perform(ledger, ask));
}

/** What is answered under a key: the first answer again, or what is answered now. */
export function once(
  keys: Keys,
  ask: { readonly client: string; readonly key: string | null; readonly user: string; readonly deed: object },
  first: () => string,
): string {
  if (ask.key === null) return first();
  const content = contentOf(ask);
  const key = `${ask.client} ${ask.key}`;
  const before = keys[key];
  if (before === undefined) {
    const answered = first();
    if (REMEMBERED.test(answered)) keys[key] = { content, answer: answered };
    return answered;
  }
  if (before.content !== content) return "idempotency_conflict";
  return before.answer.startsWith("ok") ? `again ${before.answer}` : before.answer;
}

/** What makes two requests the same. */
export function contentOf({ user, deed }: { readonly user: string; readonly deed: object }): string {
  return JSON.stringify([user, deed], (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}

/** One text for what is equal, in whatever order it was written down. */
export function textOf(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === "bigint") return tell(each);
    return typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each;
  });
}

/** An amount as it is told. */
export function tell(amount: bigint): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(13, "0");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -12)}.${digits.slice(-12)}`;
}

function heldBy({ holds }: Customer): bigint {
  return Object.values(holds).reduce((all, { active, amount }) => all + (active ? amount : 0n), 0n);
}

function perform(ledger: Ledger, { name, user, deed }: Ask): string {
  const customer = ledger.customers[user] as Customer;
  const take = (amount: bigint) => {
    customer.balance -= amount;
    ledger.taken[name] = { user, amount, refunded: 0n };
  };
  const refusal = refusalOf(ledger, customer, user, deed);
  if (refusal !== undefined) return refusal;
  switch (deed.op) {
    case "allocate":
      customer.balance += deed.amount;
      break;
    case "deduct":
      take(deed.amount);
      break;
    case "charge":
    case "capture":
      take(deed.amount);
      if (deed.hold !== null) customer.holds[deed.hold] = { amount: 0n, active: false, settled: true };
      break;
    case "hold":
      customer.holds[deed.hold] = { amount: deed.amount, active: true, settled: false };
      break;
    case "release":
      customer.holds[deed.hold] = { amount: 0n, active: false, settled: false };
      break;
    case "refund":
      customer.balance += deed.amount;
      if (deed.of !== null) (ledger.taken[deed.of] as { refunded: bigint }).refunded += deed.amount;
      break;
    case "switch":
      goTo(customer, deed.tier);
      break;
    default:
      return deed satisfies never;
  }
  return tellCustomer(customer);
}

function refusalOf(ledger: Ledger, customer: Customer, user: string, deed: Deed): string | undefined {
  const available = customer.balance - heldBy(customer);
  if (deed.op === "deduct" && deed.amount > available) return insufficient(deed.amount, available);
  if (deed.op === "refund" && deed.of !== null) {
    const line = ledger.taken[deed.of];
    if (line?.user !== user) return "not_found";
    return deed.amount > line.amount - line.refunded ? "invalid_request" : undefined;
  }
  const before = "hold" in deed && deed.hold !== null ? customer.holds[deed.hold] : undefined;
  if (deed.op === "hold" && before === undefined && deed.amount > available + customer.overdraft)
    return insufficient(deed.amount, available + customer.overdraft);
  return isOver(deed, before) ? "hold_ended" : undefined;
}

/** Whether it comes to a hold too late. An event never does. */
function isOver({ op }: Deed, hold: Holding | undefined): boolean {
  if (hold === undefined) return false;
  return op === "hold" || (op === "capture" && hold.settled) || (op === "release" && !hold.active);
}

function goTo(customer: Customer, name: string): void {
  const [from, to] = [TIERS[customer.tier], TIERS[name]];
  if (from === undefined || to === undefined || to.price <= from.price) return;
  const more = to.credits - customer.granted;
  customer.tier = name;
  if (more <= 0n) return;
  customer.balance += more;
  customer.granted = to.credits;
}

/** What a customer's balance looks like. */
export function tellCustomer(customer: Customer): string {
  const held = heldBy(customer);
  return ["ok", tell(customer.balance), tell(customer.balance - held), tell(held), customer.tier].join(" ");
}

function insufficient(required: bigint, available: bigint): string {
  return `insufficient_credits ${tell(required)} ${tell(available)}`;
}
