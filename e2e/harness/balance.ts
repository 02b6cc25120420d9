/** What somebody may spend, as he is told it. */
import { expect } from "vitest";
import type { z } from "zod";
import { getBalance, type CreditBalance } from "@tollbooth/shared/contracts/credits";
import { until } from "@tollbooth/shared/local/condition";
import type { Person } from "./person.ts";

export type Balance = z.input<typeof CreditBalance>;

const WITHIN_MS = 10_000;

export async function balanceOf(someone: Person): Promise<Balance> {
  return (await someone.ok(getBalance)) as Balance;
}

/** Waits for a balance; throws the one that stayed instead. */
export async function becomes(someone: Person, balance: string, withinMs = WITHIN_MS): Promise<Balance> {
  let last = await balanceOf(someone);
  await until(async () => (last = await balanceOf(someone)).balance === balance, withinMs);
  expect(last.balance).toBe(balance);
  return last;
}
