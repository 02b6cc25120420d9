/** Cases of others about the order in which lots are spent, and about taking all or nothing. */
import { z } from "zod";
import { decimal, ZERO } from "@tollbooth/shared/money";
import { available } from "../account.ts";
import { Book, seconds } from "./book.ts";
import { CASE, CaseAmount, differs, family, type Differences } from "./cases.ts";
import { deduct } from "./commands.ts";
import { ranks } from "./ranks.ts";

/** Promotional or paid. */
const Kind = z
  .enum(["granted", "promotional", "purchased", "paid"])
  .transform((kind): "bonus" | "purchase" => (kind === "granted" || kind === "promotional" ? "bonus" : "purchase"));
const Allocations = z.array(z.tuple([z.string(), CaseAmount]));
type Allocations = z.output<typeof Allocations>;

/** Before every case's own time, so that a lot may end at its first second. */
const BEFORE_S = -1_000_000;

const inWords = (parts: readonly (readonly [string, string])[]) => parts.map((part) => part.join(" ")).join(", ");

function differsInOrder(got: readonly (readonly [string, string])[], expected: Allocations | undefined): Differences {
  const wanted = expected && inWords(expected.map(([name, amount]) => [name, amount.toFixed()]));
  return wanted === undefined || inWords(got) === wanted ? [] : [`it drew ${inWords(got)}, expected ${wanted}`];
}

// ---- consume: one amount, taken from lots or refused -----------------------------------------------------------------

const Consume = z.strictObject({
  ...CASE,
  lots: z.array(
    z.strictObject({
      id: z.string(),
      balance: CaseAmount,
      priority: z.number().nullish(),
      expires_at: z.number().nullish(),
      kind: Kind.optional(),
      seq: z.number().optional(),
      features: z.array(z.string()).optional(),
    }),
  ),
  amount: CaseAmount,
  order: z.string(),
  expect: z.strictObject({
    balances: z.record(z.string(), CaseAmount).optional(),
    allocations: Allocations.optional(),
    total: CaseAmount.optional(),
    error: z.literal("insufficient").optional(),
  }),
  // Takes credits back by the rules of spending.
  operation: z.literal("void").optional(),
  partial: z.boolean().optional(),
  only_lot: z.string().optional(),
  feature: z.string().optional(),
});
type Consume = z.output<typeof Consume>;
type ConsumeLot = Consume["lots"][number];

const OUR_ORDER = ["priority", "expires", "granted_before_purchased", "seq"];
const BY_AMOUNT = "larger amount first";
const orderOf = ({ order }: Consume) => order.split(",").map((key) => key.replace("(null last)", "").trim());

function refuseConsume(each: Consume): string | undefined {
  if (each.partial === true) return "takes what there is and forgets the rest";
  if (each.only_lot !== undefined) return "a lot that the spender names";
  if (each.feature !== undefined || each.lots.some(({ features }) => features !== undefined))
    return "lots for some features only";
  if ([each.amount, ...each.lots.map((lot) => lot.balance)].some((amount) => amount.lt(ZERO)))
    return "an amount below zero";
  const keys = orderOf(each);
  if (keys.includes(BY_AMOUNT) && haveEquals(each)) return "an order by amount";
  const ours = keys.filter((key) => key !== BY_AMOUNT);
  const unknown = ours.find((key) => !OUR_ORDER.includes(key));
  if (unknown !== undefined) return `unknown: order by ${unknown}`;
  return ours.some((key, i) => i > 0 && OUR_ORDER.indexOf(key) < OUR_ORDER.indexOf(ours[i - 1] as string))
    ? "another order of the keys"
    : undefined;
}

/** Whether the keys before the amount leave two lots side by side. */
function haveEquals({ lots }: Consume): boolean {
  const places = lots.map(({ priority, expires_at }) => `${priority ?? "last"} ${expires_at ?? "never"}`);
  return new Set(places).size < lots.length;
}

function playConsume(each: Consume): Differences {
  const { lots, expect, amount } = each;
  const keys = orderOf(each);
  const book = new Book(BEFORE_S);
  const rank = ranks<ConsumeLot>(lots, ({ priority }) => (keys.includes("priority") ? (priority ?? null) : 0));
  for (const lot of lots.toSorted((a, b) => (a.seq ?? 0) - (b.seq ?? 0))) {
    book.grant(BEFORE_S, lot.id, lot.balance, {
      lotKind: keys.includes("granted_before_purchased") ? (lot.kind ?? "purchase") : "purchase",
      priority: rank(lot),
      ...(keys.includes("expires") && typeof lot.expires_at === "number" && { expiresAt: seconds(lot.expires_at) }),
    });
  }
  const before = book.lines.length;
  const refusal = book.do(0, deduct(amount.toFixed()));
  const code = expect.error && "insufficient_credits";
  if (refusal?.code !== code) return [`it answers ${refusal?.code ?? "ok"}, expected ${code ?? "ok"}`];
  const untouched = Object.fromEntries(lots.map((lot) => [lot.id, lot.balance]));
  return [
    ...book.differs(code === undefined ? expect.balances : untouched),
    ...differsInOrder(book.lines.length > before ? book.drawn() : [], expect.allocations),
    ...differs("the total", available(book.account), expect.total),
  ];
}

export const consume = family(Consume, playConsume, refuseConsume);

// ---- order: which lot before which -----------------------------------------------------------------------------------

const OrderGrant = z.strictObject({
  id: z.string(),
  priority: z.number().nullish(),
  rank: z.number().nullish(),
  expires_at: z.number().nullish(),
  effective_at: z.number().optional(),
  created_at: z.number().optional(),
  kind: Kind.optional(),
  amount: CaseAmount.default(decimal(1)),
});
const Order = z.strictObject({
  ...CASE,
  grants: z.array(OrderGrant),
  /** The field that says the place. */
  sort_key: z.enum(["priority", "rank"]).default("priority"),
  expect_order: z.array(z.string()),
  debit: z.strictObject({ amount: CaseAmount, allocations: Allocations }).optional(),
});
type Order = z.output<typeof Order>;

/** Grants in the order of their making, and takes an amount of them. */
function drawnOf({ grants, sort_key }: Order, amount: string): Book {
  const book = new Book(BEFORE_S);
  const rank = ranks(grants, (grant) => grant[sort_key] ?? null);
  const made = grants.toSorted((a, b) => (a.created_at ?? 0) - (b.created_at ?? 0) || (a.id < b.id ? -1 : 1));
  const lastMade = Math.max(
    ...made.map(({ created_at, effective_at }) => Math.max(created_at ?? 0, effective_at ?? 0)),
  );
  for (const grant of made) {
    const { id, kind, expires_at, effective_at, created_at } = grant;
    // All are there before the first second.
    const atS = (created_at ?? 0) - lastMade - 1;
    book.grant(atS, id, grant.amount, {
      lotKind: kind ?? "purchase",
      priority: rank(grant),
      ...(effective_at !== undefined && { effectiveAt: seconds(effective_at - lastMade - 1) }),
      ...(typeof expires_at === "number" && { expiresAt: seconds(expires_at) }),
    });
  }
  book.do(0, deduct(amount));
  return book;
}

function playOrder(each: Order): Differences {
  const all = each.grants.reduce((total, { amount }) => total.plus(amount), ZERO);
  const order = drawnOf(each, all.toFixed())
    .drawn()
    .map(([name]) => name);
  const wanted = each.expect_order;
  return [
    ...(order.join() === wanted.join() ? [] : [`the order is ${order.join()}, expected ${wanted.join()}`]),
    ...(each.debit === undefined
      ? []
      : differsInOrder(drawnOf(each, each.debit.amount.toFixed()).drawn(), each.debit.allocations)),
  ];
}

export const order = family(Order, playOrder);
