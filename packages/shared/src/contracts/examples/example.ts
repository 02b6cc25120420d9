/** What an example is: a good request and its answer, or the data of a fact, as they go over the wire. */
import type { z } from "zod";
import type { Command, Event } from "../../contract.ts";

/** By subject. */
export type Examples = Readonly<Record<string, Example>>;

export interface Example {
  /** What is asked; of a fact, what it tells. */
  readonly input: unknown;
  readonly output?: unknown;
}

/** The example of a command. */
export function asked<I extends z.ZodType, O extends z.ZodType>(
  { subject }: Command<I, O>,
  input: z.input<I>,
  output: z.input<O>,
): Examples {
  return { [subject]: { input, output } };
}

/** The example of a fact. */
export function told<D extends z.ZodType>({ subject }: Event<D>, data: z.input<D>): Examples {
  return { [subject]: { input: data } };
}

// ---- who and what the examples tell of --------------------------------------------------------------------

export const ALICE = "alice";
export const EVENT_ID = "01a20316-71c4-71c0-87be-800a0f2afa04";
export const LINE_ID = "01a20316-71ef-7040-8eb3-52b993b4a98b";
export const PRICE_ID = "01a20316-3830-70bf-8691-79e02f81b502";
export const MODEL = "openai/gpt-4o-mini";
export const NOW = "2026-11-22T11:48:52.296Z";
export const TODAY = "2026-11-22T00:00:00.000Z";
export const TOMORROW = "2026-11-23T00:00:00.000Z";
/** What 1200 tokens in and 300 out cost. */
export const COST = {
  provider_cost: "0.000360000000",
  platform_markup: "0.000018000000",
  total_cost: "0.000378000000",
  charged: "0.000378000000",
};
export const BREAKDOWN = { provider_cost: "0.000360000000", markup: "0.000018000000", total: "0.000378000000" };
