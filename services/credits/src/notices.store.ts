/** Notices leave through the outbox: facts that others may act on, on which no money hangs. */
import { newId } from "@tollbooth/shared/id";
import { printInstant } from "@tollbooth/shared/contract";
import { creditsGranted, creditsLow, creditsOverdrawn } from "@tollbooth/shared/contracts/credits";
import type { Tx } from "@tollbooth/shared/db";
import { print } from "@tollbooth/shared/money";
import { enqueue, type Fact } from "@tollbooth/shared/outbox";
import type { TraceHeaders } from "@tollbooth/shared/telemetry";
import { available, balance, type Account } from "./account.ts";
import type { Notice } from "./ledger.ts";

/** A notice, the account after what it tells, and the trace in which that happened. */
export interface Told {
  readonly account: Account;
  readonly notice: Notice;
  readonly trace: TraceHeaders;
}

const EVENT_OF = { granted: creditsGranted, overdrawn: creditsOverdrawn, low: creditsLow };

/** Stores the notices of a batch in its transaction. */
export async function tellNotices(tx: Tx, told: readonly Told[], nowMs: number): Promise<void> {
  for (const kind of ["granted", "overdrawn", "low"] as const) {
    const facts = told.filter(({ notice }) => notice.kind === kind).map((each) => factOf(each, nowMs));
    await enqueue(tx, EVENT_OF[kind], facts);
  }
}

function factOf({ account, notice, trace }: Told, nowMs: number): Fact<(typeof creditsGranted)["data"]> {
  const id = newId();
  const data = {
    id,
    user_id: account.userId,
    amount: print(notice.amount),
    balance: print(balance(account)),
    available: print(available(account)),
    at: printInstant(nowMs),
  };
  return { id, trace, data };
}
