/** A usage event: from what was reported to the row that is kept, the answer that is given and the fact that is told. */
import type { Caller } from "@tollbooth/shared/contract";
import type { UsageEvent, UsageReport, usageTracked } from "@tollbooth/shared/contracts/usage";
import { Fault } from "@tollbooth/shared/fault";
import { contentHash } from "@tollbooth/shared/idempotency";
import { print, type Money } from "@tollbooth/shared/money";
import type { TraceHeaders } from "@tollbooth/shared/telemetry";
import type { z } from "zod";
import { costOf, type Cost, type FindPrice } from "./cost.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** How far ahead of our clock a reporter's may be. */
const AHEAD_MAX_MS = 5 * MINUTE_MS;
/** How late an event may come. */
const BACK_MAX_MS = 35 * DAY_MS;

/** Who reports a user's own usage. */
export const USER_SOURCE = "user";

/** A report whose user, reporter and moment are known. */
export interface Reported {
  /** Of the event, if it turns out to be new. */
  readonly id: string;
  readonly userId: string;
  readonly source: string;
  readonly eventId: string;
  readonly report: UsageReport;
  /** What makes a repeat a repeat. */
  readonly hash: string;
  readonly occurredAt: number;
  /** Against which the age is measured: now, or when the stream stored it. */
  readonly receivedAt: number;
  /** Whether the reporter may say that something was free. */
  readonly trusted: boolean;
  readonly anyAge: boolean;
  readonly trace: TraceHeaders;
}

/** A new event as it will be kept. */
export interface NewEvent extends Reported {
  readonly cost: Cost;
  readonly createdAt: number;
}

/** The part of an event that its reporter gets to see. */
export type Answer = z.input<typeof UsageEvent>;

/** sha256 of what was said of the use itself; who said it and about whom is the identity. */
export function reportHash({ event_id: _event, user_id: _user, source: _source, ...use }: UsageReport): string {
  return contentHash(use);
}

/** Who reports: users as one source, services as themselves, admins by the name they state. Throws `forbidden` for what one may not say. */
export function sourceOf(caller: Caller, report: UsageReport): string {
  if (isTrusted(caller)) {
    const source = report.source ?? caller.azp ?? caller.sub;
    const isOwn = source === caller.azp || source === caller.sub;
    // Whoever could report as another could take his event ids before him, and his charges would be lost.
    if (!isOwn && !caller.roles.includes("admin"))
      throw new Fault("forbidden", "a service reports as itself: source is its token's azp or sub");
    if (source === USER_SOURCE) throw new Fault("forbidden", `the source "${USER_SOURCE}" belongs to users`);
    return source;
  }
  const field = (["byok", "hold_id", "source"] as const).find((name) => report[name] !== undefined);
  if (field !== undefined) throw new Fault("forbidden", `${field} may be stated by services only`);
  return USER_SOURCE;
}

/** Whether what the caller says of a use is believed: services and admins. */
export function isTrusted({ roles }: Caller): boolean {
  return roles.includes("service") || roles.includes("admin");
}

/** Prices a report. Answers the Fault that refuses it where it is out of time, unpriced or says too little. */
export function draft(reported: Reported, find: FindPrice, byokFee: Money, createdAt: number): NewEvent | Fault {
  const { report, occurredAt, trusted } = reported;
  const late = checkTime(reported);
  if (late !== undefined) return late;
  try {
    const { service, model, cost, provider_cost: providerCost } = report;
    const isFree = trusted ? report.is_free : undefined;
    const used = {
      service,
      model,
      counts: report,
      cost,
      providerCost,
      isFree,
      byok: report.byok ?? false,
      at: occurredAt,
    };
    return { ...reported, cost: costOf(used, find, byokFee), createdAt };
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

function checkTime({ occurredAt, receivedAt, anyAge }: Reported): Fault | undefined {
  if (occurredAt > receivedAt + AHEAD_MAX_MS) return untimely("is more than 5 minutes ahead");
  if (!anyAge && occurredAt < receivedAt - BACK_MAX_MS) return untimely("is more than 35 days back");
  return undefined;
}

function untimely(message: string): Fault {
  return new Fault("invalid_request", `occurred_at ${message}`, { errors: [{ path: "occurred_at", message }] });
}

/** What the reporter of a new event is told. */
export function answerOf({ id, userId, report, cost, createdAt }: NewEvent): Answer {
  return {
    id,
    user_id: userId,
    service: report.service,
    model: report.model ?? null,
    tokens_used: cost.split.used,
    provider_cost: print(cost.providerCost),
    platform_markup: print(cost.platformMarkup),
    total_cost: print(cost.totalCost),
    charged: print(cost.charged),
    is_free_tier: cost.isFree,
    created_at: new Date(createdAt).toISOString(),
  };
}

/** What the ledger is told of a new event: all it needs to charge it once. */
export function factOf(event: NewEvent): z.input<(typeof usageTracked)["data"]> {
  const { id, source, eventId, userId, report, cost, occurredAt } = event;
  return {
    id,
    source,
    source_event_id: eventId,
    user_id: userId,
    service: report.service,
    model: report.model ?? null,
    charged: print(cost.charged),
    cost_breakdown: {
      provider_cost: print(cost.providerCost),
      markup: print(cost.platformMarkup),
      total: print(cost.totalCost),
    },
    is_free: cost.isFree,
    free_value: print(cost.freeValue),
    hold_id: report.hold_id ?? null,
    occurred_at: new Date(occurredAt).toISOString(),
  };
}
