/** The one engine behind all three ways in: identities, events, sums and facts of a batch, in one transaction. */
import { crashPoint } from "@tollbooth/shared/crash";
import type { Db, Tx } from "@tollbooth/shared/db";
import { usageTracked } from "@tollbooth/shared/contracts/usage";
import { Fault } from "@tollbooth/shared/fault";
import type { Reply } from "@tollbooth/shared/handler";
import { Keys, type Keyed } from "@tollbooth/shared/idempotency";
import type { Money } from "@tollbooth/shared/money";
import { enqueue } from "@tollbooth/shared/outbox";
import { answerOf, draft, factOf, type Answer, type NewEvent, type Reported } from "./event.ts";
import { groupBy } from "./group.ts";
import type { Prices } from "./prices.ts";
import { claimIdentities, identityKey, readRecorded, writeEvents, type Recorded } from "./store.ts";

/** What became of one report. */
export type Outcome =
  | { readonly status: "recorded" | "duplicate"; readonly event: Answer }
  | { readonly status: "refused"; readonly fault: Fault };

/** Reports that one caller sends together, under the key that he chose. */
export interface Submission {
  readonly reports: readonly Reported[];
  readonly keyed: Keyed | undefined;
  /** What the caller is told; remembered under his key. */
  readonly answer: (outcomes: readonly Outcome[]) => Reply | Fault;
}

export interface RecordOptions {
  readonly prices: Prices;
  /** The platform's share of the provider's cost where a user's own key paid. */
  readonly byokFee: Money;
  readonly now: () => number;
}

/** Records a batch in a transaction of its own; one answer per submission, in order, each as if it had come alone. */
export async function record(
  db: Db,
  options: RecordOptions,
  submissions: readonly Submission[],
): Promise<(Reply | Fault)[]> {
  const answers = await db.tx((tx) => recordSubmissions(tx, options, submissions));
  crashPoint("record.after-commit");
  return answers;
}

async function recordSubmissions(
  tx: Tx,
  options: RecordOptions,
  submissions: readonly Submission[],
): Promise<(Reply | Fault)[]> {
  const now = options.now();
  const keys = await Keys.recall(
    tx,
    submissions.flatMap(({ keyed }) => keyed ?? []),
  );
  const answers = new Map<Submission, Reply | Fault>();
  // A key that comes twice waits for its first use, which may leave it unused.
  for (let left = submissions; left.length > 0; left = left.filter((submission) => !answers.has(submission))) {
    const first = firstUses(left);
    const fresh = first.filter(({ keyed }) => keyed === undefined || keys.before(keyed, now) === undefined);
    const outcomes = await recordReports(
      tx,
      options,
      fresh.flatMap(({ reports }) => reports),
      now,
    );
    for (const submission of first) {
      const apply = () => submission.answer(submission.reports.map((reported) => outcomes.get(reported) as Outcome));
      answers.set(submission, keys.once(submission.keyed, now, apply));
    }
  }
  await keys.remember(tx);
  crashPoint("record.before-commit");
  return submissions.map((submission) => answers.get(submission) as Reply | Fault);
}

/** The submissions whose key none before them has. */
function firstUses(submissions: readonly Submission[]): Submission[] {
  const seen = new Set<string>();
  return submissions.filter(({ keyed }) => {
    if (keyed === undefined) return true;
    const use = `${keyed.callerId}\0${keyed.key}`;
    return !seen.has(use) && seen.add(use);
  });
}

/** Records reports in the caller's transaction; answers what became of each. */
export async function recordReports(
  tx: Tx,
  { prices, byokFee }: Omit<RecordOptions, "now">,
  reports: readonly Reported[],
  now: number,
): Promise<Map<Reported, Outcome>> {
  if (reports.length === 0) return new Map();
  const { find } = await prices.current(tx);
  const drafts = new Map(reports.map((reported) => [reported, draft(reported, find, byokFee, now)]));
  const candidates = firstOfEach([...drafts.values()].filter((each): each is NewEvent => !(each instanceof Fault)));
  const claimed = await claimIdentities(tx, candidates);
  const added = candidates.filter(({ id }) => claimed.has(id));
  await writeEvents(tx, added);
  await enqueue(
    tx,
    usageTracked,
    added.map((event) => ({ id: event.id, data: factOf(event), trace: event.trace })),
  );

  const known = new Map(added.map((event) => [identityKey(event), { hash: event.hash, answer: answerOf(event) }]));
  const missing = firstOfEach(reports.filter((reported) => !known.has(identityKey(reported))));
  for (const earlier of await readRecorded(tx, missing)) known.set(identityKey(earlier), earlier);
  return new Map(
    reports.map((reported) => [
      reported,
      outcomeOf(reported, drafts.get(reported), known.get(identityKey(reported)), claimed),
    ]),
  );
}

/** A repeat answers the first event, even where it would be refused by now. */
function outcomeOf(
  reported: Reported,
  drafted: NewEvent | Fault | undefined,
  known: Pick<Recorded, "hash" | "answer"> | undefined,
  claimed: ReadonlySet<string>,
): Outcome {
  if (known === undefined) {
    if (drafted instanceof Fault) return { status: "refused", fault: drafted };
    return {
      status: "refused",
      fault: new Fault("idempotency_key_expired", "this event was recorded before, and is no longer kept"),
    };
  }
  if (known.hash !== reported.hash) {
    return {
      status: "refused",
      fault: new Fault("idempotency_conflict", "this event_id was reported before with other content", {
        fix: "use a new event_id for a new event",
      }),
    };
  }
  return { status: claimed.has(reported.id) ? "recorded" : "duplicate", event: known.answer };
}

function firstOfEach<R extends Reported>(reports: readonly R[]): R[] {
  return [...groupBy(reports, identityKey).values()].map(([first]) => first as R);
}
