/** Where reports meet: those that arrive while a batch is at the database form the next one. */
import { Batcher } from "@tollbooth/shared/batch";
import { isTransient, type Db } from "@tollbooth/shared/db";
import type { Fault } from "@tollbooth/shared/fault";
import { Reply } from "@tollbooth/shared/handler";
import { record, type Outcome, type RecordOptions, type Submission } from "./record.ts";

export interface Tracker {
  /** Records one report; answers its event. Throws the refusal. */
  one(submission: Omit<Submission, "answer">): Promise<Reply>;
  /** Records many reports of one caller in a transaction of their own. */
  many(submission: Submission): Promise<Reply>;
  /** Tells that something was recorded elsewhere, so that it is published at once. */
  wake(): void;
}

const BATCH_MAX = 500;
const LANES = 2;
const QUEUE_MAX = 10_000;
/** Callers with a whole batch of their own, waiting. */
const MANY_QUEUE_MAX = 200;

/** Reports of one user are never in two batches at once. `onCommit` runs after every batch that was recorded. */
export function openTracker(db: Db, options: RecordOptions, onCommit: () => void): Tracker {
  const run = async (submissions: readonly Submission[]) => {
    const answers = await record(db, options, submissions);
    onCommit();
    return answers;
  };
  const ones = new Batcher<Submission, Reply>({
    name: "usage.track",
    run,
    keyOf,
    isTransient,
    batchMax: BATCH_MAX,
    lanes: LANES,
    queueMax: QUEUE_MAX,
  });
  const manys = new Batcher<Submission, Reply>({
    name: "usage.track.batch",
    run,
    keyOf,
    isTransient,
    batchMax: 1,
    lanes: LANES,
    queueMax: MANY_QUEUE_MAX,
  });
  return {
    one: (submission) => ones.submit({ ...submission, answer: theEvent }),
    many: (submission) => manys.submit(submission),
    wake: onCommit,
  };
}

/** Batches that add to the same user's sums would only wait for each other's locks. */
function keyOf({ reports }: Submission): string {
  return reports[0]?.userId ?? "";
}

/** The answer to a single report: its event, or its refusal. */
function theEvent([outcome]: readonly Outcome[]): Reply | Fault {
  if (outcome === undefined) throw new Error("a report had no outcome");
  return outcome.status === "refused" ? outcome.fault : new Reply(JSON.stringify(outcome.event));
}
