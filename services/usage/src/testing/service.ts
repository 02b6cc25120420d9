/** The usage service's endpoints on a database of the test's own, asked as the bus would ask them. */
import type { Caller, Command } from "@tollbooth/shared/contract";
import type { Db } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { breachesOf } from "@tollbooth/shared/law";
import { decimal } from "@tollbooth/shared/money";
import { newId } from "@tollbooth/shared/id";
import type { z } from "zod";
import { endpoints, type Usage } from "../handlers.ts";
import { laws } from "../laws.ts";
import { Prices } from "../prices.ts";
import { openTracker } from "../tracker.ts";

export const service: Caller = { sub: "svc-1", roles: ["service"], azp: "litellm" };
export const admin: Caller = { sub: "root", roles: ["admin"] };
export const plain = (sub: string): Caller => ({ sub, roles: ["user"] });

export interface TestUsage extends Usage {
  /** Sets the clock that the service reads; without a time, it is the real one. */
  at(ms?: number): void;
  /** Asks as the bus does; answers what an asker gets. Throws the Fault. */
  ask<I extends z.ZodType, O extends z.ZodType>(
    contract: Command<I, O>,
    input: z.input<I>,
    caller?: Caller,
    key?: string,
  ): Promise<z.output<O>>;
  /** The same, with the answer's exact text. */
  text(contract: Command, input: unknown, caller?: Caller, key?: string): Promise<string>;
  /** The code that a question is refused with. */
  code(contract: Command, input: unknown, caller?: Caller, key?: string): Promise<string>;
}

/** A usage service with the prices that a fresh one has. */
export async function openUsage(db: Db, byokFee = "0"): Promise<TestUsage> {
  let now: number | undefined;
  const prices = new Prices(newId);
  await prices.seed(db, Date.now());
  const options = { prices, byokFee: decimal(byokFee), now: () => now ?? Date.now() };
  const usage: Usage = { db, options, tracker: openTracker(db, options, () => {}), newId, retentionMonths: 24 };
  const all = new Map(endpoints(usage).map((endpoint) => [endpoint.contract, endpoint]));
  const text = async (contract: Command, input: unknown, caller?: Caller, key?: string) => {
    const ask = {
      requestId: newId(),
      deadlineMs: Date.now() + 60_000,
      ...(caller && { caller }),
      ...(key !== undefined && { idempotencyKey: key }),
    };
    return (
      await (all.get(contract) as NonNullable<ReturnType<typeof all.get>>).answer(
        Buffer.from(JSON.stringify(input)),
        ask,
      )
    ).json;
  };
  return {
    ...usage,
    at: (ms) => void (now = ms),
    text,
    ask: async (contract, input, caller, key) =>
      contract.output.parse(JSON.parse(await text(contract, input, caller, key))),
    code: async (contract, input, caller, key) => {
      try {
        await text(contract, input, caller, key);
        return "ok";
      } catch (error) {
        if (error instanceof Fault) return error.code;
        throw error;
      }
    },
  };
}

/** Where the laws of usage do not hold; empty where they do. */
export async function breaches(db: Db): Promise<string[]> {
  const found = await Promise.all(
    laws.map(async (law) => (await breachesOf(db, law)).map((breach) => `${law.says}: ${breach}`)),
  );
  return found.flat();
}
