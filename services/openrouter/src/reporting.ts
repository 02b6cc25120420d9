/** Tells usage what chats on users' own keys used, until usage has it. It takes each event once, however often it is told. */
import type { Bus } from "@tollbooth/shared/bus";
import type { Caller } from "@tollbooth/shared/contract";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { crashPoint } from "@tollbooth/shared/crash";
import { isTransient, type Db } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import type { Log } from "@tollbooth/shared/log";
import { SOURCE } from "./bill.ts";
import { markRecorded, postpone, readDue, type DueReport } from "./requests.store.ts";

export interface Reporting {
  readonly db: Db;
  readonly bus: Pick<Bus, "ask">;
  readonly log: Log;
}

const BATCH_MAX = 20;
/** As whom usage is asked. */
export const CALLER: Caller = { sub: SOURCE, roles: ["service"] };

/** Tells all that is due. Throws where usage is away: then all of it is still due. */
export async function reportDue(reporting: Reporting): Promise<void> {
  for (;;) {
    const due = await readDue(reporting.db, BATCH_MAX);
    if (due.length === 0) return;
    await Promise.all(due.map((each) => reportOne(reporting, each)));
  }
}

async function reportOne({ db, bus, log }: Reporting, { report, ...key }: DueReport): Promise<void> {
  try {
    await bus.ask(trackUsage, report, { caller: CALLER });
  } catch (error) {
    if (isTransient(error)) throw error;
    // It will most likely be refused again, until an operator sets a price, say.
    const { code, message } = Fault.from(error);
    log.error({ ...key, code, detail: message }, "usage refused what a chat used");
    return postpone(db, key, `${code}: ${message}`);
  }
  crashPoint("reporting.before-mark");
  await markRecorded(db, key);
}
