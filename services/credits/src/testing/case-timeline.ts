/** Timelines of others: lots, usage and resets at instants, and what is there at others. */
import { z } from "zod";
import { decimal, ZERO, type Money } from "@tollbooth/shared/money";
import { DEFAULT_PRIORITY, worth } from "../lots.ts";
import { periodEnd, type Tier } from "../period.ts";
import { Book, seconds } from "./book.ts";
import { CASE, CaseAmount, differs, family, type Differences } from "./cases.ts";
import { charge, DAY_MS, switchTo, TIERS } from "./commands.ts";
import { ranks } from "./ranks.ts";

const Timeline = z.strictObject({
  ...CASE,
  start_at: z.number(),
  grants: z.array(
    z.strictObject({
      id: z.string(),
      amount: CaseAmount,
      priority: z.number().nullish(),
      effective_at: z.number(),
      expires_at: z.number().nullish(),
      start_balance: CaseAmount.optional(),
      rollover: z.strictObject({ min: CaseAmount, max: CaseAmount }).optional(),
      voided_at: z.number().optional(),
      recurrence: z.unknown().optional(),
    }),
  ),
  events: z.array(
    z.discriminatedUnion("op", [
      z.strictObject({ op: z.literal("use"), at: z.number(), amount: CaseAmount }),
      z.strictObject({ op: z.literal("reset"), at: z.number(), preserve_overage: z.boolean().default(false) }),
    ]),
  ),
  queries: z.array(
    z.strictObject({
      at: z.number(),
      balances: z.record(z.string(), CaseAmount).default({}),
      overage: CaseAmount.optional(),
      total: CaseAmount.optional(),
    }),
  ),
  policy: z.literal("carry_overage"),
  start_overage: CaseAmount.optional(),
  // That a run may be cut anywhere: tried of every timeline.
  property: z.string().optional(),
});
type Timeline = z.output<typeof Timeline>;
type Grant = Timeline["grants"][number];
type Query = Timeline["queries"][number];

/**
 * What a reset does to a lot, in our terms. One that keeps all it has is a lot that resets do not touch; one that loses all
 * ends at the reset; one that is filled to a fixed amount is the month's.
 */
function fateOf({ rollover, amount }: Grant): "stays" | "ends" | "filled" | "other" {
  const { min, max } = rollover ?? { min: ZERO, max: ZERO };
  if (max.isZero()) return "ends";
  if (min.eq(max)) return "filled";
  return min.isZero() && max.gte(amount) ? "stays" : "other";
}

const resetsOf = ({ events }: Timeline) =>
  events
    .filter(({ op }) => op === "reset")
    .map(({ at }) => at)
    .toSorted((a, b) => a - b);

function filledOf(each: Timeline): readonly Grant[] {
  return resetsOf(each).length === 0 ? [] : each.grants.filter((grant) => fateOf(grant) === "filled");
}

function refuse(each: Timeline): string | undefined {
  const { grants, events } = each;
  if (grants.some(({ voided_at }) => voided_at !== undefined)) return "a lot that is voided";
  if (grants.some(({ recurrence }) => recurrence !== undefined)) return "a lot that recurs";
  if (events.some((event) => event.op === "reset" && !event.preserve_overage)) return "a reset that forgives";
  if ([...grants, ...events].some((has) => "amount" in has && has.amount.lt(ZERO))) return "an amount below zero";
  if (resetsOf(each).length === 0) return undefined;
  if (grants.some((grant) => fateOf(grant) === "other")) return "a reset that caps what it carries or fills to a floor";
  const [filled, ...more] = filledOf(each);
  if (filled === undefined) return undefined;
  if (more.length > 0) return "a reset that fills several lots";
  const last = Math.max(...[...events, ...each.queries].map(({ at }) => at));
  const isAmongEquals = grants.some((other) => other !== filled && other.priority === filled.priority);
  return isAmongEquals || (filled.expires_at ?? Infinity) <= last
    ? "a monthly lot whose own expiry matters"
    : undefined;
}

/** Resets come at the ends of our periods: time between them is stretched or shrunk, its order stays. */
function clockOf(each: Timeline, beginS: number): (atS: number) => number {
  const endS = Math.max(...[...each.events, ...each.queries].map(({ at }) => at)) + 1;
  const resets = resetsOf(each);
  const marks = [beginS, ...resets].map((atS, i) => ({
    atS,
    ms: i === 0 ? seconds(atS) : periodEnd(seconds(beginS), i - 1),
  }));
  // After the last reset all has to happen within one period.
  const last = marks.at(-1) as (typeof marks)[number];
  marks.push({
    atS: endS,
    ms: last.ms + Math.min((endS - last.atS) * 1000, resets.length === 0 ? Infinity : 27 * DAY_MS),
  });
  return (atS) => {
    const i = Math.max(
      0,
      marks.slice(0, -1).findLastIndex((mark) => mark.atS <= atS),
    );
    const [from, to] = [marks[i] as typeof last, marks[i + 1] as typeof last];
    return from.ms + Math.floor(((atS - from.atS) * (to.ms - from.ms)) / (to.atS - from.atS));
  };
}

const tier = (name: string, price: number, credits: Money): Tier => ({
  ...TIERS.nothing,
  tier: name,
  price: decimal(price),
  credits,
});

interface Step {
  readonly at: number;
  readonly do: (book: Book) => void;
}

/** The books at a query: usage before it counts, and all else until it. */
function run(each: Timeline, query: Query, looksAtEveryInstant: boolean): Book {
  const { grants, start_at, start_overage } = each;
  const beginS = Math.min(start_at, ...grants.map(({ effective_at }) => effective_at)) - 1;
  const clock = clockOf(each, beginS);
  const book = new Book(beginS, TIERS.nothing, clock);
  if (start_overage !== undefined) book.do(beginS, charge(start_overage.toFixed()));
  const [filled] = filledOf(each);
  const rank = ranks(grants, ({ priority }) => priority ?? null);
  const base = DEFAULT_PRIORITY.monthly - (filled === undefined ? 0 : rank(filled));
  for (const grant of grants.filter((other) => other !== filled).toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const end = endOf(grant, resetsOf(each));
    book.grant(beginS, grant.id, grant.start_balance ?? grant.amount, {
      priority: base + rank(grant),
      effectiveAt: clock(grant.effective_at),
      ...(end < Infinity && { expiresAt: clock(end) }),
    });
  }
  const looks = grants.flatMap(({ effective_at, expires_at }) => [effective_at, expires_at ?? effective_at]);
  const steps = [
    ...(looksAtEveryInstant ? looks.map((at): Step => ({ at, do: () => book.settle(at) })) : []),
    ...(filled === undefined ? [] : [monthly(filled)]),
    ...stepsOf(each, query, filled),
  ];
  for (const step of steps.toSorted((a, b) => a.at - b.at)) if (step.at <= query.at) step.do(book);
  book.settle(query.at);
  return book;
}

/** When a lot ends by itself, or by the first reset after its beginning that leaves nothing of it. */
function endOf(grant: Grant, resets: readonly number[]): number {
  const reset = fateOf(grant) === "ends" ? resets.find((at) => at > grant.effective_at) : undefined;
  return Math.min(grant.expires_at ?? Infinity, reset ?? Infinity);
}

function stepsOf({ events }: Timeline, query: Query, filled: Grant | undefined): Step[] {
  return events
    .filter(({ op, at }) => op === "reset" || at < query.at)
    .map((event) => ({
      at: event.at,
      do: (book) => {
        if (event.op === "use") book.do(event.at, charge(event.amount.toFixed()));
        else book.settle(event.at);
        if (event.op === "reset" && filled !== undefined && filled.effective_at < event.at) book.name(filled.id);
      },
    }));
}

/** A lot that resets fill is what a tier grants in this period, and a cheaper one from the next reset on. */
function monthly({ id, effective_at: at, amount, start_balance, rollover }: Grant): Step {
  return {
    at,
    do: (book) => {
      book.do(at, switchTo(tier("first", 2, start_balance ?? amount)));
      book.name(id);
      book.do(at, switchTo(tier("then", 1, rollover?.min ?? ZERO)));
    },
  };
}

function play(each: Timeline): Differences {
  return each.queries.flatMap((query) =>
    [false, true].flatMap((looksAtEveryInstant) => {
      const book = run(each, query, looksAtEveryInstant);
      return [
        ...book.differs(query.balances),
        ...differs("what is owed", book.account.debt, query.overage),
        ...differs("together it", worth(book.account.lots), query.total),
      ].map((difference) => `at ${query.at} ${difference}${looksAtEveryInstant ? ", looking at every instant" : ""}`);
    }),
  );
}

export const timeline = family(Timeline, play, refuse);
