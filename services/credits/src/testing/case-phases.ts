/** Cases of others that set aside first, and take or give back then: played on a real Postgres. */
import { z } from "zod";
import type { Db } from "@tollbooth/shared/db";
import { sum, ZERO } from "@tollbooth/shared/money";
import type { Command } from "../command.ts";
import { CASE, CaseAmount, differs, family, type Differences, type Family } from "./cases.ts";
import { ADMIN, grant, hold, release, settle } from "./commands.ts";
import { Counter } from "./counter.ts";

/**
 * What refusals of others are here. A fact is never refused: what is taken beyond what is held, or after its end, is
 * charged; so a step that is refused there is tried for that here, and undone.
 */
const ENDED = "hold_ended";
const REFUSALS = {
  pend: { exceeds_credits: "insufficient_credits", exists_with_different_amount: "idempotency_conflict" },
  post: {
    exists_with_different_amount: "idempotency_conflict",
    pending_transfer_already_posted: ENDED,
    exceeds_pending_transfer_amount: "charged",
    pending_transfer_already_voided: "charged",
    pending_transfer_expired: "charged",
  },
  void: {
    pending_transfer_already_posted: ENDED,
    pending_transfer_already_voided: ENDED,
    pending_transfer_expired: ENDED,
  },
} as const;

const STEP = { key: z.string(), same_id: z.boolean().default(false), result: z.literal("exists").optional() };
const errorOf = <const T extends Record<string, string>>(known: T) =>
  z
    .enum(Object.keys(known) as [keyof T & string])
    .transform((error): string => known[error] as string)
    .optional();
const TwoPhase = z.strictObject({
  ...CASE,
  steps: z.array(
    z.discriminatedUnion("op", [
      z.strictObject({
        op: z.literal("pend"),
        amount: CaseAmount,
        ttl: z.number().default(86_400),
        error: errorOf(REFUSALS.pend),
        ...STEP,
      }),
      z.strictObject({ op: z.literal("post"), amount: CaseAmount.optional(), error: errorOf(REFUSALS.post), ...STEP }),
      z.strictObject({ op: z.literal("void"), error: errorOf(REFUSALS.void), ...STEP }),
      z.strictObject({ op: z.literal("expire"), key: z.string() }),
    ]),
  ),
});
type PhaseStep = z.output<typeof TwoPhase>["steps"][number];
type Pend = Extract<PhaseStep, { op: "pend" }>;

/** Transfers in two phases, of users who have enough. */
export function twoPhase(db: Db): Family {
  return family(TwoPhase, ({ steps }) => playPhases(new Counter(db), steps));
}

async function playPhases(counter: Counter, steps: readonly PhaseStep[]): Promise<Differences> {
  const pends = steps.filter((step) => step.op === "pend");
  const enough = sum(pends.map(({ amount }) => amount)).times(10);
  await counter.do(grant(enough.toFixed()));
  const differences: string[] = [];
  for (const [i, step] of steps.entries()) {
    const pend = pends.find(({ key }) => key === step.key);
    const found = await phase(counter, i, step, pend);
    differences.push(...found.map((difference) => `step ${i + 1}: ${difference}`));
  }
  return differences;
}

const differsInAnswer = (got: string, expected: string): Differences =>
  got === expected ? [] : [`it answers ${got}, expected ${expected}`];

async function phase(counter: Counter, i: number, step: PhaseStep, pend: Pend | undefined): Promise<Differences> {
  if (step.op === "expire") {
    counter.wait(pend?.ttl ?? 0);
    return differsInAnswer(await counter.do(settle), "ok");
  }
  const command = commandOf(step, pend);
  if (step.error === "charged") {
    const { answer, taken } = await counter.wouldTake(command);
    const amount = "amount" in command ? command.amount : ZERO;
    console.log(`two_phase: step ${i + 1} (${step.op} ${step.key}) is refused there; here it is a fact, and charged`);
    return [...differsInAnswer(answer, "ok"), ...differs("what is charged", taken, amount)];
  }
  // The same id again is the same key again.
  const key = step.same_id ? `${step.op} ${step.key}` : `${step.op} ${step.key} ${i}`;
  const first = !step.same_id && step.error === undefined ? `${step.op} ${step.key}` : key;
  const expected = step.error ?? (step.result === "exists" ? "again" : "ok");
  return differsInAnswer(await counter.do(command, first), expected);
}

function commandOf(step: Exclude<PhaseStep, { op: "expire" }>, pend: Pend | undefined): Command {
  if (step.op === "void") return release(step.key);
  if (step.op === "pend") return { ...hold(step.key, step.amount.toFixed()), ttlMs: step.ttl * 1000 };
  const amount = step.amount ?? pend?.amount ?? ZERO;
  return { kind: "capture", holdId: step.key, amount, service: "case", actor: ADMIN };
}
