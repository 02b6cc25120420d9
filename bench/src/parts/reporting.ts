/** What a reporting program (reports.ts) is asked to do, and what it says. */
import type { Platform } from "@tollbooth/tools/platform";
import { runProgram } from "./program.ts";

/** As much as there is; what still waits never more than that; or so many a second. */
export type Pace =
  | { readonly kind: "backlog"; readonly count: number }
  | { readonly kind: "bounded"; readonly seconds: number; readonly backlogMax: number }
  | { readonly kind: "paced"; readonly seconds: number; readonly perSecond: number };

export interface ReportOrder {
  readonly natsUrl: string;
  readonly natsKeys: string;
  readonly creditsUrl: string;
  readonly userIds: readonly string[];
  readonly pace: Pace;
}

export interface Reported {
  readonly sent: number;
  /** Published and acknowledged by the broker, a second. */
  readonly sentPerSecond: number;
  /** Deducted a second, once it was under way. */
  readonly appliedPerSecond: number;
  /** From the publishing of an event to the moment from which everybody sees its deduction: samples, ms. */
  readonly lag: { readonly samples: number; readonly p50Ms: number; readonly p99Ms: number };
}

/** Who reports: every platform has this one from the start. */
export const SOURCE = "chat";

/** What a live stream may be behind: enough that every step always has a full batch before it. */
const BACKLOG_MAX = 5_000;

/** Reports usage of these users, at this pace. */
export function report(platform: Platform, userIds: readonly string[], pace: Pace): Promise<Reported> {
  const { natsUrl, natsKeys, auditUrls } = platform;
  return runProgram("reports", JSON.stringify({ natsUrl, natsKeys, creditsUrl: auditUrls.credits, userIds, pace }));
}

/** Events a second that are deducted as fast as they are reported. */
export async function liveRate(platform: Platform, userIds: readonly string[], seconds: number): Promise<number> {
  return (await report(platform, userIds, { kind: "bounded", seconds, backlogMax: BACKLOG_MAX })).appliedPerSecond;
}
