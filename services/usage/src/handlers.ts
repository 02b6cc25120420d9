/** What the usage service answers about events and sums: each contract joined with what does it. */
import { discardDeadLetters, listDeadLetters, redriveDeadLetters } from "@tollbooth/shared/contracts/dead-letters";
import * as contracts from "@tollbooth/shared/contracts/usage";
import type { Db } from "@tollbooth/shared/db";
import { discard, tellLetters, type Redriven } from "@tollbooth/shared/dead-letters";
import { Fault } from "@tollbooth/shared/fault";
import { handle, parseInput, Reply, type Context, type Endpoint } from "@tollbooth/shared/handler";
import { keyed } from "@tollbooth/shared/idempotency";
import { traceHeaders } from "@tollbooth/shared/telemetry";
import { redriveReport } from "./dead-letters.ts";
import { isTrusted, reportHash, sourceOf, type Reported } from "./event.ts";
import { keptFrom } from "./partitions.ts";
import { dayOf, keptPart, monthOf, periodOf, piecesOf, type End, type Period } from "./period.ts";
import { priceEndpoints } from "./price-handlers.ts";
import { isKnown, readTallies } from "./reads.store.ts";
import type { Outcome, RecordOptions } from "./record.ts";
import { readOutcomes } from "./store.ts";
import { byModelOf, byServiceOf, freeTierOf, summaryOf, type Tally } from "./tally.ts";
import type { Tracker } from "./tracker.ts";

export interface Usage {
  readonly db: Db;
  readonly tracker: Tracker;
  readonly options: RecordOptions;
  readonly newId: () => string;
  /** Months for which events are kept one by one. */
  readonly retentionMonths: number;
}

/** Everything that the service answers. */
export function endpoints(usage: Usage): Endpoint[] {
  return [...tracking(usage), ...reading(usage), ...driving(usage), ...priceEndpoints(usage.db, usage.options)];
}

function tracking({ db, tracker, options, newId }: Usage): Endpoint[] {
  const reportedBy = (context: Context, report: contracts.UsageReport) =>
    fromCaller(context, report, newId(), options.now());

  return [
    handle(contracts.trackUsage, async (report, context) =>
      tracker.one({ reports: [reportedBy(context, report)], keyed: keyed(contracts.trackUsage, report, context) }),
    ),
    handle(contracts.trackUsageBatch, async (input, context) => {
      const read = input.events.map((item) =>
        attempt(() => reportedBy(context, parseInput(contracts.UsageReport, item))),
      );
      const reports = read.filter((each): each is Reported => !(each instanceof Fault));
      return tracker.many({
        reports,
        keyed: keyed(contracts.trackUsageBatch, input, context),
        answer: (outcomes) => {
          const left = outcomes[Symbol.iterator]();
          return new Reply(
            JSON.stringify(
              read.map((each) =>
                told(each instanceof Fault ? { status: "refused", fault: each } : (left.next().value as Outcome)),
              ),
            ),
          );
        },
      });
    }),
    handle(contracts.usageEventOutcomes, async ({ source, events }) => {
      const identities = events.map(({ user_id, event_id }) => ({ userId: user_id, source, eventId: event_id }));
      const outcomeOf = await readOutcomes(db, identities);
      return identities.map((identity) => {
        const outcome = outcomeOf(identity);
        return { event_id: identity.eventId, outcome: outcome === "recorded" ? "applied" : (outcome ?? "unknown") };
      });
    }),
  ];
}

/** What a caller reports. Throws `forbidden` where he may not report that, or not of that user. */
function fromCaller(context: Context, report: contracts.UsageReport, id: string, now: number): Reported {
  const { caller } = context;
  if (caller === undefined) throw new Fault("unauthenticated", "this needs to know who asks");
  return {
    id,
    userId: context.onUser(report.user_id),
    source: sourceOf(caller, report),
    eventId: report.event_id ?? id,
    report,
    hash: reportHash(report),
    occurredAt: report.occurred_at ?? now,
    receivedAt: now,
    trusted: isTrusted(caller),
    anyAge: false,
    trace: traceHeaders(),
  };
}

/** One item of a batch's answer. */
function told(outcome: Outcome) {
  if (outcome.status !== "refused") return outcome;
  const { code, detail, errors } = outcome.fault.body();
  return { status: outcome.status, problem: { code, detail, ...(errors !== undefined && { errors }) } };
}

function attempt<T>(work: () => T): T | Fault {
  try {
    return work();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

function reading({ db, options, retentionMonths }: Usage): Endpoint[] {
  const tallies = async (context: Context, named: string | undefined, period: Period): Promise<Tally[]> => {
    const userId = context.onUser(named);
    const found = await readTallies(db, userId, piecesOf(period));
    if (found.length === 0 && userId !== context.caller?.sub && !(await isKnown(db, userId))) {
      throw new Fault("not_found", "no usage of this user is known");
    }
    return found;
  };
  const asked = ({ start_date, end_date }: { start_date?: number | undefined; end_date?: End | undefined }): Period => {
    const now = options.now();
    const period = periodOf(start_date, end_date, now);
    if (period !== undefined) return keptPart(period, keptFrom(now, retentionMonths));
    const message = "is after end_date";
    throw new Fault("invalid_request", `start_date ${message}`, { errors: [{ path: "start_date", message }] });
  };

  return [
    handle(contracts.usageSummary, async ({ user_id, ...stated }, context) => {
      const period = asked(stated);
      return summaryOf(await tallies(context, user_id, period), period);
    }),
    handle(contracts.usageByModel, async ({ user_id, ...stated }, context) =>
      byModelOf(await tallies(context, user_id, asked(stated))),
    ),
    handle(contracts.usageByService, async ({ user_id, ...stated }, context) =>
      byServiceOf(await tallies(context, user_id, asked(stated))),
    ),
    handle(contracts.usageFreeTier, async ({ user_id }, context) => {
      const month = monthOf(options.now());
      return freeTierOf(await tallies(context, user_id, month), month);
    }),
    handle(contracts.usageDaily, async ({ user_id }, context) => {
      const today = dayOf(options.now());
      return summaryOf(await tallies(context, user_id, today), today);
    }),
  ];
}

function driving({ db, options, newId, tracker }: Usage): Endpoint[] {
  return [
    handle(listDeadLetters, (page) => tellLetters(db, page)),
    handle(redriveDeadLetters, async ({ ids }) => {
      const answers: Redriven[] = [];
      // One by one: each in a transaction of its own, so that none hinders another.
      for (const id of ids) answers.push(await redriveReport(db, options, newId, id));
      tracker.wake();
      return answers;
    }),
    handle(discardDeadLetters, (put) => discard(db, put)),
  ];
}
