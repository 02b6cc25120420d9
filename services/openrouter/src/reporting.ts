/** Tells usage what requests used, until usage has it. It takes each event once, however often it is told. */
import type { Bus } from "@tollbooth/shared/bus";
import type { Caller } from "@tollbooth/shared/contract";
import { trackUsage, type UsageEvent, type UsageReport } from "@tollbooth/shared/contracts/usage";
import { crashPoint } from "@tollbooth/shared/crash";
import { isTransient, type Db } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import type { Log } from "@tollbooth/shared/log";
import type { z } from "zod";
import { SOURCE } from "./bill.ts";
import { markRecorded, postpone, type RequestKey } from "./requests.store.ts";

export interface Reporting {
  readonly db: Db;
  readonly bus: Pick<Bus, "ask">;
  readonly log: Log;
}

export interface Report extends RequestKey {
  readonly report: z.input<typeof UsageReport>;
}

/** As whom usage and credits are asked. */
export const CALLER: Caller = { sub: SOURCE, roles: ["service"] };

/** Tells usage of a request; answers its event, undefined where usage refuses it. Throws where usage is away: then it is still due. */
export async function tellUsage(
  { db, bus, log }: Reporting,
  { report, userId, requestId }: Report,
  deadlineMs?: number,
): Promise<z.output<typeof UsageEvent> | undefined> {
  const key = { userId, requestId };
  let event;
  try {
    event = await bus.ask(trackUsage, report, { caller: CALLER, ...(deadlineMs !== undefined && { deadlineMs }) });
  } catch (error) {
    if (isTransient(error)) throw error;
    // It will most likely be refused again, until an operator sets a price, say.
    const { code, message } = Fault.from(error);
    log.error({ ...key, code, detail: message }, "usage refused what a request used");
    await postpone(db, key, `${code}: ${message}`);
    return undefined;
  }
  crashPoint("reporting.before-mark");
  await markRecorded(db, key);
  return event;
}
