/** Cases of others about the life of lots: what is carried over, what ends, what fills a hole. */
import { z } from "zod";
import { decimal, sum, ZERO, type Money } from "@tollbooth/shared/money";
import { balance, type Account } from "../account.ts";
import { decide } from "../ledger.ts";
import type { Lot } from "../lots.ts";
import { Book, seconds } from "./book.ts";
import { CASE, CaseAmount, differs, family, type Differences } from "./cases.ts";
import { charge, correct, deduct, refund, TIERS } from "./commands.ts";

const DAY_S = 86_400;
/** After the end of the first period, and before that of the second. */
const NEXT_PERIOD_S = 40 * DAY_S;

// ---- rollover: what a reset carries ----------------------------------------------------------------------------------

const ROLLOVER = { ...CASE, used: CaseAmount };
const Rollover = z.union([
  z.strictObject({
    ...ROLLOVER,
    included: CaseAmount,
    cap: CaseAmount,
    expect: z.strictObject({ balance: CaseAmount.optional(), rolled: CaseAmount.optional() }),
  }),
  z.strictObject({
    ...ROLLOVER,
    credits: z.array(z.strictObject({ amount: CaseAmount, rollover: z.boolean() })),
    expect: z.strictObject({ rolled: CaseAmount }),
  }),
]);
type Rollover = z.output<typeof Rollover>;

/** Here a tier says which share is carried, all of it for instance, and no cap. */
function refuseRollover(each: Rollover): string | undefined {
  return "cap" in each && each.included.minus(each.used).gt(each.cap) ? "a carry-over that is capped" : undefined;
}

/** Credits that roll over are the month's; those that do not end with it, and are spent before. */
function playRollover(each: Rollover): Differences {
  const credits = "credits" in each ? each.credits : [{ amount: each.included, rollover: true }];
  const rolling = sum(credits.filter(({ rollover }) => rollover).map(({ amount }) => amount));
  const book = new Book(0, { ...TIERS.trial, credits: rolling, rollover: decimal(1) });
  for (const [i, { amount }] of credits.filter(({ rollover }) => !rollover).entries()) {
    book.grant(0, `ends ${i}`, amount, { priority: 0, expiresAt: book.account.resetAt });
  }
  book.do(DAY_S, charge(each.used.toFixed()));
  book.settle(NEXT_PERIOD_S);
  const rolled = book.account.lots.filter((lot) => lot.rolled).map(({ remaining }) => remaining);
  return [
    ...differs("what is carried over", sum(rolled), each.expect.rolled),
    ...differs("the balance", balance(book.account), "balance" in each.expect ? each.expect.balance : undefined),
  ];
}

export const rollover = family(Rollover, playRollover, refuseRollover);

// ---- expired_row: the line that the end of a lot leaves ----------------------------------------------------------------

const Expired = CaseAmount.nullable();
const ExpiredRow = z.union([
  z.strictObject({ ...CASE, grant: CaseAmount, used: CaseAmount, expect: z.strictObject({ expired: Expired }) }),
  z.strictObject({
    ...CASE,
    /** What is expected to end; using releases some of it from that, giving back some of the use reopens it. */
    plan: CaseAmount,
    release: CaseAmount,
    reopen: CaseAmount,
    expect: z.strictObject({ expired: Expired }),
  }),
  z.strictObject({
    ...CASE,
    grants: z.array(z.strictObject({ amount: CaseAmount, used: CaseAmount, expires_at: z.number() })),
    expect: z.array(
      z.strictObject({
        at: z.number(),
        expired: Expired,
        before: CaseAmount.optional(),
        after: CaseAmount.optional(),
      }),
    ),
  }),
]);
type ExpiredRow = z.output<typeof ExpiredRow>;

/** A case of one lot as one of several. */
function severalOf(each: ExpiredRow) {
  if ("grants" in each) return { ...each, reopen: ZERO };
  const [amount, used, reopen] =
    "plan" in each ? [each.plan, each.release, each.reopen] : [each.grant, each.used, ZERO];
  return { grants: [{ amount, used, expires_at: DAY_S }], reopen, expect: [{ at: DAY_S, ...each.expect }] };
}

/** Use takes the lot that ends first: that of a later one is told apart only when those before it are empty. */
function refuseExpired(each: ExpiredRow): string | undefined {
  const lots = severalOf(each).grants.toSorted((a, b) => a.expires_at - b.expires_at);
  const firstWithRest = lots.findIndex(({ amount, used }) => used.lt(amount));
  return firstWithRest >= 0 && lots.slice(firstWithRest + 1).some(({ used }) => used.gt(ZERO))
    ? "a lot that the spender names"
    : undefined;
}

function playExpired(each: ExpiredRow): Differences {
  const { grants, reopen, expect } = severalOf(each);
  const book = new Book(-1);
  for (const [i, { amount, expires_at }] of grants.entries())
    book.grant(-1, `lot ${i}`, amount, { expiresAt: seconds(expires_at) });
  book.do(0, charge(sum(grants.map(({ used }) => used)).toFixed()));
  if (reopen.gt(ZERO)) book.do(0, refund(reopen.toFixed(), book.account.lastSeq));
  return expect.flatMap((row) => {
    const { at, expired } = row;
    book.settle(at - 1);
    const before = balance(book.account);
    const lines = book.lines.length;
    book.settle(at);
    const got: Money | null = book.lines.slice(lines).find(({ type }) => type === "expiry")?.amount ?? null;
    const isSame = got === null || expired === null ? got === expired : got.eq(expired);
    return [
      ...(isSame
        ? []
        : [`the line at ${at} is ${got?.toFixed() ?? "not there"}, expected ${expired?.toFixed() ?? "none"}`]),
      ...differs(`the balance before ${at}`, before, "before" in row ? row.before : undefined),
      ...differs(`the balance after ${at}`, balance(book.account), "after" in row ? row.after : undefined),
    ];
  });
}

export const expiredRow = family(ExpiredRow, playExpired, refuseExpired);

// ---- overdraft, sequence: a balance step by step -----------------------------------------------------------------------

const Overdraft = z.strictObject({
  ...CASE,
  rule: z.string().optional(),
  steps: z.array(
    z.strictObject({
      start: CaseAmount.optional(),
      manual_debit: CaseAmount.optional(),
      topup: CaseAmount.optional(),
      balance: CaseAmount,
      new_lot_available: CaseAmount.optional(),
    }),
  ),
});

/** What an operator takes may go below zero; what comes next fills the hole first. */
export const overdraft = family(Overdraft, ({ steps }) => {
  const book = new Book(0);
  return steps.flatMap(({ start, manual_debit, topup, balance: expected, new_lot_available }) => {
    for (const amount of [start, topup]) if (amount !== undefined) book.grant(0, "new", amount);
    if (manual_debit !== undefined) book.do(0, correct(manual_debit.toFixed()));
    return [
      ...differs("the balance", balance(book.account), expected),
      ...differs("the new lot", book.left("new"), new_lot_available),
    ];
  });
});

const Sequence = z.strictObject({
  ...CASE,
  steps: z.array(
    z.strictObject({ start: CaseAmount, ops: z.array(z.string().regex(/^(-|void )\d+(\.\d+)?$/)), expect: CaseAmount }),
  ),
});

export const sequence = family(Sequence, ({ steps }) =>
  steps.flatMap(({ start, ops, expect }) => {
    const book = new Book(0);
    book.grant(0, "start", start);
    for (const op of ops) book.do(0, deduct(op.replace(/^(-|void )/, "")));
    return differs(`the balance after ${ops.join()}`, balance(book.account), expect);
  }),
);

// ---- scale: very many lots ---------------------------------------------------------------------------------------------

const LOT = { amount: CaseAmount, priority: z.number(), effective_at: z.number(), expires_at: z.number() };
const Scale = z.strictObject({
  ...CASE,
  generate: z.strictObject({ ...LOT, count: z.number(), except_first: z.strictObject({ expires_at: z.number() }) }),
  events: z.array(z.strictObject({ at: z.number(), op: z.literal("use"), amount: CaseAmount })),
  expect: z.strictObject({ first: CaseAmount, every_other: CaseAmount }),
});

/** The lots are there already: making them one by one is not what the case is about. */
export const scale = family(Scale, ({ generate, events, expect }) => {
  const { account } = new Book(0);
  const lots = Array.from({ length: generate.count }, (_, i): Lot => {
    const { amount, priority, effective_at, expires_at } = { ...generate, ...(i === 0 && generate.except_first) };
    return {
      lot: i + 1,
      kind: "purchase",
      granted: amount,
      remaining: amount,
      held: ZERO,
      priority,
      active: true,
      rolled: false,
      effectiveAt: seconds(effective_at),
      expiresAt: seconds(expires_at),
    };
  });
  let books: Account = { ...account, lots: lots.toReversed(), lastLot: lots.length };
  for (const { at, amount } of events) books = decide(books, charge(amount.toFixed()), seconds(at)).account;
  const wrong = books.lots.filter(({ lot, remaining }) => !remaining.eq(lot === 1 ? expect.first : expect.every_other));
  return wrong.slice(0, 3).map(({ lot, remaining }) => `lot ${lot} has ${remaining.toFixed()}`);
});
