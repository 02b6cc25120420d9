/** Cases of others that are told step by step: holds and corrections. */
import { z } from "zod";
import { ZERO, type Money } from "@tollbooth/shared/money";
import { available } from "../account.ts";
import { DEFAULT_PRIORITY } from "../lots.ts";
import { Book, seconds } from "./book.ts";
import { CASE, CaseAmount, differs, family, type Differences } from "./cases.ts";
import { charge, deduct, hold, refund, release, reset, settle, switchTo, TIERS } from "./commands.ts";

const CaseLot = z.strictObject({ id: z.string(), balance: CaseAmount, expires_at: z.number().nullish() });
/** What is there after a step: together, and by lot. */
const AFTER = { total: CaseAmount.optional(), balances: z.record(z.string(), CaseAmount).optional() };
type After = z.output<z.ZodObject<typeof AFTER>>;

const differsAfter = (book: Book, { total, balances }: After): Differences => [
  ...differs("what is available", available(book.account), total),
  ...book.differs(balances),
];

// ---- hold ------------------------------------------------------------------------------------------------------------

const REFUSED = { error: z.enum(["insufficient", "ended"]).optional() };
const CODES = { insufficient: "insufficient_credits", ended: "hold_ended" } as const;
const Hold = z.strictObject({
  ...CASE,
  /** In burn order. */
  lots: z.array(CaseLot),
  steps: z.array(
    z.discriminatedUnion("op", [
      z.strictObject({ op: z.literal("use"), amount: CaseAmount, ...AFTER, ...REFUSED }),
      z.strictObject({
        op: z.literal("hold"),
        key: z.string(),
        amount: CaseAmount,
        ttl: z.number().optional(),
        ...AFTER,
        ...REFUSED,
      }),
      z.strictObject({ op: z.literal("settle"), key: z.string(), amount: CaseAmount, ...AFTER }),
      z.strictObject({ op: z.literal("release"), key: z.string(), ...AFTER, ...REFUSED }),
      z.strictObject({ op: z.literal("expire"), key: z.string(), ...AFTER }),
      z.strictObject({ op: z.literal("replace_lot"), lot: z.string(), amount: CaseAmount, ...AFTER }),
    ]),
  ),
  // What comes back is never more than was granted: that it was taken before, here.
  cap: z.literal("granted").optional(),
  simulate: z.boolean().optional(),
});
type Hold = z.output<typeof Hold>;
type HoldStep = Hold["steps"][number];

const replacedOf = ({ steps }: Hold) => new Set(steps.flatMap((step) => (step.op === "replace_lot" ? [step.lot] : [])));

function refuseHold(each: Hold): string | undefined {
  if (each.steps.some((step) => "amount" in step && step.amount.lt(ZERO))) return "an amount below zero";
  if (each.simulate === false) return "marked as not to be played: what comes back goes to a lot's successor";
  return replacedOf(each).size > 1 ? "several lots that are replaced" : undefined;
}

/** A lot that is replaced is the month's: a reset by hand ends it and grants another. */
function playHold(each: Hold): Differences {
  const [replaced] = replacedOf(each);
  const place = each.lots.findIndex(({ id }) => id === replaced);
  const base = DEFAULT_PRIORITY.monthly - Math.max(0, place);
  const book = new Book(0);
  for (const [i, { id, balance, expires_at }] of each.lots.entries()) {
    if (id === replaced) {
      book.do(0, switchTo({ ...TIERS.nothing, tier: "monthly", credits: balance }));
      book.name(id);
    } else
      book.grant(0, id, balance, {
        priority: base + i,
        ...(typeof expires_at === "number" && { expiresAt: seconds(expires_at) }),
      });
  }
  return each.steps.flatMap((step, i) => {
    const refusal = doStep(book, each, i, step);
    const code = "error" in step && step.error !== undefined ? CODES[step.error] : undefined;
    const answer = refusal === code ? [] : [`it answers ${refusal ?? "ok"}, expected ${code ?? "ok"}`];
    return [...answer, ...differsAfter(book, step)].map((difference) => `step ${i + 1}: ${difference}`);
  });
}

/** Does the step of this number, at the second of this number; answers the code of its refusal. */
function doStep(book: Book, { steps }: Hold, i: number, step: HoldStep): string | undefined {
  const amount = "amount" in step ? step.amount.toFixed() : "";
  switch (step.op) {
    case "use":
      return book.do(i, deduct(amount))?.code;
    case "hold": {
      // It lasts until the step that says that it is over, or longer than the case.
      const end = steps.findIndex((other, j) => j > i && other.op === "expire" && other.key === step.key);
      const command = hold(step.key, amount);
      return book.do(i, end < 0 ? command : { ...command, ttlMs: (end - i) * 1000 })?.code;
    }
    case "settle":
      return book.do(i, charge(amount, { holdId: step.key }))?.code;
    case "release":
      return book.do(i, release(step.key))?.code;
    case "expire":
      return book.do(i, settle)?.code;
    case "replace_lot":
      book.do(i, reset({ ...book.account.tier, credits: step.amount }));
      book.name(step.lot);
      return undefined;
    default:
      return step satisfies never;
  }
}

export const holds = family(Hold, playHold, refuseHold);

// ---- correction: use that turns out to be less or more -----------------------------------------------------------------

const Correction = z.strictObject({
  ...CASE,
  lots: z.array(CaseLot),
  steps: z.array(
    z.discriminatedUnion("op", [
      z.strictObject({ op: z.literal("use"), key: z.string(), amount: CaseAmount, ...AFTER }),
      z.strictObject({ op: z.literal("correct"), key: z.string(), amount: CaseAmount, ...AFTER }),
      z.strictObject({ op: z.literal("expire_lots"), at: z.number(), broken: CaseAmount.optional(), ...AFTER }),
    ]),
  ),
});
type CorrectionStep = z.output<typeof Correction>["steps"][number];

/** A use that was too much is refunded to its line; one that was too little is charged for the rest. */
class Uses {
  readonly #uses = new Map<string, { readonly line: number; readonly amount: Money }>();
  readonly #book: Book;

  constructor(book: Book) {
    this.#book = book;
  }

  do(step: CorrectionStep): Differences {
    if (step.op === "expire_lots") return this.#end(step.at, step.broken);
    const before = this.#uses.get(step.key);
    const more = step.amount.minus(before?.amount ?? ZERO);
    if (more.gt(ZERO)) this.#book.do(0, charge(more.toFixed()));
    if (more.lt(ZERO)) this.#book.do(0, refund(more.neg().toFixed(), before?.line));
    this.#uses.set(step.key, { line: before?.line ?? this.#book.account.lastSeq, amount: step.amount });
    return [];
  }

  #end(at: number, broken: Money | undefined): Differences {
    const lines = this.#book.lines.length;
    this.#book.do(at, settle);
    const ended = this.#book.lines.slice(lines).filter(({ type }) => type === "expiry");
    return differs(
      "what ends",
      ended.reduce((all, { amount }) => all.minus(amount), ZERO),
      broken,
    );
  }
}

export const correction = family(Correction, ({ lots, steps }) => {
  const book = new Book(0);
  for (const { id, balance, expires_at } of lots)
    book.grant(0, id, balance, typeof expires_at === "number" ? { expiresAt: seconds(expires_at) } : {});
  const uses = new Uses(book);
  return steps.flatMap((step, i) =>
    [...uses.do(step), ...differsAfter(book, step)].map((difference) => `step ${i + 1}: ${difference}`),
  );
});
