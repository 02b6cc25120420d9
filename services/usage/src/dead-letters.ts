/** Reports that could not be recorded: kept as they came, told to their reporter, driven again by an operator. */
import type { Db, Tx } from "@tollbooth/shared/db";
import { bury, redrive, type Letter, type Redriven } from "@tollbooth/shared/dead-letters";
import { Fault } from "@tollbooth/shared/fault";
import type { Delivery } from "@tollbooth/shared/streams";
import { traceHeaders } from "@tollbooth/shared/telemetry";
import { markDead } from "./dead-letters.store.ts";
import type { Reported } from "./event.ts";
import { recordReports, type Outcome, type RecordOptions } from "./record.ts";
import { identityIn, readReport } from "./report.ts";

/** Keeps a message that cannot be recorded. One that its reporter sends again is kept once. */
export async function buryReport(db: Db, message: Delivery, reason: string): Promise<void> {
  await db.tx(async (tx) => {
    const identity = identityIn(message);
    if (identity !== undefined && (await markDead(tx, identity)) === "dead") return;
    await bury(tx, message, reason);
  });
}

/** Records a dead letter as if it came now, whatever its age. */
export function redriveReport(db: Db, options: RecordOptions, newId: () => string, id: string): Promise<Redriven> {
  return redrive(db, id, async (letter, tx) => {
    const report = reportIn(letter, newId);
    const outcome = report instanceof Fault ? refusal(report) : await recordOne(tx, options, report);
    return outcome.status === "refused"
      ? { status: "refused", detail: outcome.fault.message }
      : { status: outcome.status };
  });
}

function refusal(fault: Fault): Outcome {
  return { status: "refused", fault };
}

async function recordOne(tx: Tx, options: RecordOptions, report: Reported): Promise<Outcome> {
  const outcomes = await recordReports(tx, options, [report], options.now());
  return outcomes.get(report) as Outcome;
}

function reportIn({ subject, headers, body, at }: Letter, newId: () => string): Reported | Fault {
  try {
    const report = readReport({ subject, headers, data: body, storedAtMs: at });
    return { ...report, id: newId(), trace: traceHeaders(), anyAge: true };
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}
