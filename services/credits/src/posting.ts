/**
 * The posting routine: the only way into the books. A REST call, a request over NATS, an event from JetStream and the job that
 * settles time all come through here, many at a time, one transaction a batch.
 */
import { newId } from "@tollbooth/shared/id";
import { Batcher } from "@tollbooth/shared/batch";
import { crashPoint } from "@tollbooth/shared/crash";
import { isTransient, type Db, type Tx } from "@tollbooth/shared/db";
import type { Fault } from "@tollbooth/shared/fault";
import { Reply } from "@tollbooth/shared/handler";
import { Keys, type Keyed } from "@tollbooth/shared/idempotency";
import { Inbox } from "@tollbooth/shared/inbox";
import { traceHeaders, type TraceHeaders } from "@tollbooth/shared/telemetry";
import type { Account, PeriodCharge } from "./account.ts";
import { factsOf, tellBalance } from "./balance.ts";
import { hashLine, type StoredLine } from "./chain.ts";
import type { Command } from "./command.ts";
import { storedLine } from "./journal.store.ts";
import { decide, type Decision } from "./ledger.ts";
import { load, type Clock } from "./loading.ts";
import { tellNotices, type Told } from "./notices.store.ts";
import { CONSUMER } from "./rows.ts";
import { save } from "./saving.ts";

/** A command to be posted, with what makes it happen once: a caller's key, or the id of the event that brought it. */
export interface Post {
  readonly userId: string;
  readonly command: Command;
  readonly keyed?: Keyed | undefined;
  readonly eventId?: string | undefined;
  /** What is answered when it is done; without it the balance, and of an event nothing. */
  readonly tell?: (decision: Decision) => unknown;
  readonly trace: TraceHeaders;
}

export type Poster = Batcher<Post, Reply>;

const BATCH_MAX = 500;
const LANES = 2;
const QUEUE_MAX = 10_000;

/** The poster of this process: batches of commands, no two of them on one user at once. `onNews` hears of batches that others shall be told of. */
export function openPoster(db: Db, clock: Clock, onNews: () => void): Poster {
  return new Batcher<Post, Reply>({
    name: "credits.posting",
    run: async (posts) => {
      const { outcomes, isNews } = await db.tx((tx) => post(tx, clock, posts));
      crashPoint("posting.after-commit");
      if (isNews) onNews();
      return outcomes;
    },
    keyOf: ({ userId }) => userId,
    isTransient,
    batchMax: BATCH_MAX,
    lanes: LANES,
    queueMax: QUEUE_MAX,
  });
}

/** Posts one command; answers what it tells. Throws the refusal. */
export function submit(poster: Poster, item: Omit<Post, "trace">): Promise<Reply> {
  return poster.submit({ ...item, trace: traceHeaders() });
}

/** What a batch does to the books while it is folded. */
interface Fold {
  readonly nowMs: number;
  readonly accounts: Map<string, Account>;
  readonly heads: Map<string, string>;
  readonly lines: (StoredLine & { hash: string })[];
  readonly charges: { userId: string; charge: PeriodCharge }[];
  readonly told: Told[];
}

interface Posted {
  /** One per command, in order, each as if it had come alone. */
  readonly outcomes: (Reply | Fault)[];
  /** Whether the outbox has something to tell of it. */
  readonly isNews: boolean;
}

/** Posts a batch in the caller's transaction. */
export async function post(tx: Tx, clock: Clock, posts: readonly Post[]): Promise<Posted> {
  const { before, heads, nowMs } = await load(tx, clock, posts);
  const uses = posts.flatMap(({ keyed }) => keyed ?? []);
  const events = posts.flatMap(({ userId, eventId }) => (eventId === undefined ? [] : { userId, eventId }));
  const [keys, inbox] = await Promise.all([Keys.recall(tx, uses), Inbox.read(tx, CONSUMER, events)]);

  const fold: Fold = { nowMs, accounts: new Map(before), heads, lines: [], charges: [], told: [] };
  const outcomes = posts.map((item) => {
    if (item.eventId !== undefined && !inbox.take({ userId: item.userId, eventId: item.eventId }, "applied"))
      return APPLIED_BEFORE;
    return keys.once(item.keyed, fold.nowMs, () => apply(fold, item));
  });

  await Promise.all([
    save(tx, before, fold),
    keys.remember(tx),
    inbox.write(tx),
    tellNotices(tx, fold.told, fold.nowMs),
  ]);
  crashPoint("posting.before-commit");
  return { outcomes, isNews: fold.told.length > 0 };
}

/** An event has no answer but that it is done. */
const APPLIED = new Reply("null");
const APPLIED_BEFORE = new Reply("null", { replayed: true });

function apply(fold: Fold, item: Post): Reply | Fault {
  const { userId, command, trace } = item;
  const account = fold.accounts.get(userId) as Account;
  // Never before the account's last line: clocks of databases differ, and a journal's times do not run backwards.
  const decision = decide(account, command, Math.max(fold.nowMs, account.updatedAt));
  fold.accounts.set(userId, decision.account);
  const traceId = trace["traceparent"]?.split("-")[1] ?? null;
  for (const line of decision.lines) {
    const stored = storedLine({ id: newId(), userId, line, traceId, postedAt: fold.nowMs });
    const hash = hashLine(fold.heads.get(userId) as string, stored);
    fold.heads.set(userId, hash);
    fold.lines.push(Object.assign(stored, { hash }));
  }
  for (const charge of decision.charges) fold.charges.push({ userId, charge });
  for (const notice of decision.notices) fold.told.push({ account: decision.account, notice, trace });
  if (decision.refusal !== undefined) return decision.refusal;
  if (item.tell !== undefined) return new Reply(JSON.stringify(item.tell(decision)));
  return item.eventId === undefined ? new Reply(JSON.stringify(tellBalance(factsOf(decision.account)))) : APPLIED;
}
