/** Reports that could not be recorded: kept as they came, told to their reporter, driven again by an operator. */
import type { Db, Tx } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { bury } from "@tollbooth/shared/inbox";
import type { Delivery } from "@tollbooth/shared/streams";
import { traceHeaders } from "@tollbooth/shared/telemetry";
import { keepReason, lockLetter, markDead, markRedriven, type Letter } from "./dead-letters.store.ts";
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

export interface Redriven {
  readonly id: string;
  readonly status: Outcome["status"] | "unknown";
  readonly detail?: string;
}

/** Records a dead letter as if it came now, whatever its age; where it is refused again, the new reason is kept. */
export function redrive(db: Db, options: RecordOptions, newId: () => string, id: string): Promise<Redriven> {
  return db.tx(async (tx) => {
    const letter = await lockLetter(tx, id);
    if (letter === undefined) return { id, status: "unknown" };
    const report = reportIn(letter, newId);
    const outcome = report instanceof Fault ? refusal(report) : await recordOne(tx, options, report);
    if (outcome.status !== "refused") {
      await markRedriven(tx, id);
      return { id, status: outcome.status };
    }
    const detail = outcome.fault.message;
    await keepReason(tx, id, detail);
    return { id, status: "refused", detail };
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
