/** Metered requests as the gateway makes them, with usage and credits that a test can look into. */
import { randomUUID } from "node:crypto";
import type { Bus } from "@tollbooth/shared/bus";
import { answeredBy } from "@tollbooth/shared/contract";
import { openExchange, takeExchange } from "@tollbooth/shared/contracts/exchanges";
import type { UsageReport } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { beforeEach } from "vitest";
import { z } from "zod";
import { sweep } from "../sweeping.ts";
import { pretendCredits } from "./credits.ts";
import { openOpenRouter, plain } from "./service.ts";
import { pretendUsage } from "./usage.ts";

export const MODEL = "openai/gpt-4.1";
/** What a chat costs that says nothing else: 10 tokens for 0.000002, 3 for 0.000008, and a tenth. */
export const COST = "0.000048400000";
const WITHIN_MS = 5_000;

export interface Wish {
  readonly model?: string;
  readonly models?: readonly string[];
  readonly max_tokens?: number;
  readonly plugins?: readonly object[];
  readonly stream?: boolean;
  readonly service_tier?: string;
  /** Words that the fake OpenRouter knows. */
  readonly user?: string;
}

export interface More {
  readonly key?: "byok" | "managed";
  readonly requestId?: string;
}

interface Opened {
  readonly exchange_id: string;
  readonly process: string;
}

/** Call it at the top level of a test file. */
export async function openMetered() {
  const service = await openOpenRouter();
  const { db, bus, metering } = service;
  const usage = await pretendUsage(bus);
  const credits = await pretendCredits(bus, usage);
  beforeEach(() => {
    usage.refusal = undefined;
    usage.isPriceless = false;
    credits.refusal = undefined;
    usage.told = [];
  });
  let made = 0;
  /** How his requests stand, save those that came to nothing. */
  const stateOf = async (userId: string) => {
    const row = z.object({ state: z.string() });
    return (
      await db.many(
        row,
        sql`select state from routed_requests where user_id = ${userId} and request_id !~ '^(refused|lost):'`,
      )
    ).map((it) => it.state);
  };
  return {
    ...service,
    ...asking(bus),
    usage,
    credits,
    stateOf,
    newUser: (amount = "1"): string => {
      const userId = `metered-${++made}`;
      credits.give(userId, amount);
      return userId;
    },
    becomes: (userId: string, ...states: string[]) =>
      until(async () => (await stateOf(userId)).join() === states.join(), WITHIN_MS),
    /** Takes as many steps as there are rounds, as if their times had come. */
    sweepNow: async (rounds: number) => {
      for (let i = 0; i < rounds; i++) {
        await db.run(
          sql`update routed_requests set next_at = clock_timestamp() where state not in ('recorded', 'lost')`,
        );
        await sweep(metering);
      }
    },
    toldOf: (userId: string): UsageReport[] => usage.told.filter(({ user_id }) => user_id === userId),
  };
}

/** Requests as the gateway makes them. */
function asking(bus: Bus) {
  const take = (userId: string, { exchange_id, process }: Opened, left = false) =>
    bus.ask(answeredBy(takeExchange, process), { exchange_id, left }, { caller: plain(userId) });
  const open = (userId: string, wish: Wish = {}, { key, requestId }: More = {}): Promise<Opened> => {
    const messages = [{ role: "user", content: "x".repeat(40) }];
    const body = JSON.stringify({ model: MODEL, messages, max_tokens: 3, ...wish });
    const request_id = requestId ?? randomUUID();
    return bus.ask(openExchange, { request_id, kind: "chat", body, ...(key && { key }) }, { caller: plain(userId) });
  };
  /** The whole answer. */
  const chat = async (userId: string, wish: Wish = {}, more: More = {}) => {
    const opened = await open(userId, wish, more);
    let text = "";
    let head: z.output<(typeof takeExchange)["output"]>["head"];
    for (;;) {
      const part = await take(userId, opened);
      head ??= part.head;
      text += part.text;
      if (part.done) return { text, headers: head?.headers ?? {}, isStream: head?.is_stream };
    }
  };
  return { open, take, chat };
}
