/** Cases of others about keys that come again, and many that come at once: played on a real Postgres. */
import { z } from "zod";
import type { Db } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { decimal, type Money } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import type { Command } from "../command.ts";
import { submit, type Poster } from "../posting.ts";
import { CASE, CaseAmount, differs, family, type Differences, type Family } from "./cases.ts";
import { charge, deduct, grant, hold } from "./commands.ts";
import { balanceOf, Counter, nextUser } from "./counter.ts";

/** Debits whose keys come again. */
export function idempotency(db: Db): Family {
  return family(Idempotency, ({ steps }) => playKeys(new Counter(db), steps));
}

/** Uses that replicas of the service do at once. */
export function concurrency(db: Db, posters: readonly Poster[]): Family {
  return family(
    Concurrency,
    (each) => race(db, posters, each),
    ({ policy }) => (policy === "cap" ? "takes what there is and forgets the rest" : undefined),
  );
}

// ---- idempotency: the same key again -----------------------------------------------------------------------------------

const Idempotency = z.strictObject({
  ...CASE,
  steps: z.array(
    z.strictObject({
      start: CaseAmount.optional(),
      debit: CaseAmount.optional(),
      key: z.string().optional(),
      balance: CaseAmount.optional(),
    }),
  ),
});

async function playKeys(counter: Counter, steps: z.output<typeof Idempotency>["steps"]): Promise<Differences> {
  const differences: string[] = [];
  for (const { start, debit, key, balance } of steps) {
    if (start !== undefined) await counter.do(grant(start.toFixed()), key);
    if (debit !== undefined) await counter.do(deduct(debit.toFixed()), key);
    differences.push(...differs("the balance", await counter.balance(), balance));
  }
  return differences;
}

// ---- concurrency: many at once -----------------------------------------------------------------------------------------

const Concurrency = z.strictObject({
  ...CASE,
  start: CaseAmount,
  /** How far below zero uses may go. */
  floor: CaseAmount.optional(),
  parallel: z.array(
    z.union([
      z.strictObject({ n: z.number(), use: CaseAmount }),
      // Takes all that is left, once.
      z.strictObject({ n: z.number(), op: z.literal("void") }),
    ]),
  ),
  policy: z.enum(["reject", "cap"]).optional(),
  expect: z.strictObject({
    ok: z.number().optional(),
    applied: z.number().optional(),
    rejected: z.number().optional(),
    balance: CaseAmount.optional(),
    used: CaseAmount.optional(),
  }),
});

async function race(db: Db, posters: readonly Poster[], each: z.output<typeof Concurrency>): Promise<Differences> {
  const { start, floor, parallel, expect } = each;
  const userId = nextUser();
  const ask = (i: number, command: Command) =>
    submit(posters[i % posters.length] as Poster, { userId, command }).then(
      () => "ok",
      (error: unknown) => Fault.from(error).code,
    );
  await ask(0, grant(start.toFixed()));
  // Only a hold may go below zero, so that uses which may are held first.
  const isOverdraft = floor !== undefined;
  if (isOverdraft)
    await db.run(sql`update user_credits set overdraft_limit = ${floor.neg().toFixed()} where user_id = ${userId}`);
  const use = async (i: number, amount: string) => {
    if (!isOverdraft) return ask(i, deduct(amount));
    const answer = await ask(i, hold(`h${i}`, amount));
    return answer === "ok" ? ask(i + 1, charge(amount, { holdId: `h${i}` })) : answer;
  };
  const amounts = parallel.flatMap((many) =>
    Array.from({ length: many.n }, () => ("use" in many ? many.use : start).toFixed()),
  );
  const answers = await Promise.all(amounts.map((amount, i) => use(i, amount)));
  const balance = await balanceOf(db, userId);
  const count = (answer: string) => decimal(answers.filter((other) => other === answer).length);
  return [
    ...differs("how many were done", count("ok"), decimalOf(expect.ok ?? expect.applied)),
    ...differs("how many were refused", count("insufficient_credits"), decimalOf(expect.rejected)),
    ...differs("the balance", balance, expect.balance),
    ...differs("what was used", start.minus(balance), expect.used),
  ];
}

function decimalOf(value: number | undefined): Money | undefined {
  return value === undefined ? undefined : decimal(value);
}
