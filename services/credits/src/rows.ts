/** How values of the ledger stand in its tables. */
import { z } from "zod";
import { MoneyText, print } from "@tollbooth/shared/money";
import type { Draw } from "./lots.ts";

/** The consumer under whose name events stand in the inbox. */
export const CONSUMER = "credits";

const DrawRow = z.object({ lot: z.union([z.number(), z.literal("debt")]), amount: MoneyText });

/** Draws as their json columns hold them. */
export const DrawsRow = z.array(DrawRow);

/** The text of draws; the same draws have the same text. */
export function drawsText(draws: readonly Draw[]): string {
  return JSON.stringify(draws.map(({ lot, amount }) => ({ lot, amount: print(amount) })));
}
