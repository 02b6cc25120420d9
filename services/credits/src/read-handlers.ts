/** Reading: balances, journals, outcomes. Time is settled before anything is read. */
import { z } from "zod";
import { printInstant } from "@tollbooth/shared/contract";
import * as contracts from "@tollbooth/shared/contracts/credits";
import { explainUsage } from "@tollbooth/shared/contracts/explain";
import { Fault } from "@tollbooth/shared/fault";
import { handle, Reply, type Context, type Endpoint } from "@tollbooth/shared/handler";
import { print } from "@tollbooth/shared/money";
import { tellBalance } from "./balance.ts";
import type { Room } from "./handlers.ts";
import { submit } from "./posting.ts";
import { readBalanceAt, readOutcomes, readTransaction, readTransactions, type BalanceRead } from "./reads.store.ts";

/** A user's balance after time was settled. Provisions the one who asks; of others only those who are known. */
export async function current({ balances, poster }: Room, userId: string, { caller }: Context): Promise<BalanceRead> {
  const found = await balances.submit(userId);
  if (found !== undefined && !found.due) return found;
  if (found === undefined && caller?.sub !== userId) throw new Fault("not_found", "there is no such user");
  await submit(poster, { userId, command: { kind: "settle" } });
  return (await balances.submit(userId)) as BalanceRead;
}

/** What only reads. */
export function readEndpoints(room: Room): Endpoint[] {
  const { db } = room;
  return [
    handle(contracts.getBalance, async ({ user_id, as_of: asOf }, context) => {
      const userId = context.onUser(user_id);
      const { facts } = await current(room, userId, context);
      if (asOf === undefined) return tellBalance(facts);
      const { balance, lineId } = await readBalanceAt(db, userId, asOf);
      return { user_id: userId, as_of: printInstant(asOf), balance: print(balance), transaction_id: lineId };
    }),
    handle(contracts.checkBalance, async ({ user_id, amount }, context) => {
      const { balance, held } = (await current(room, context.onUser(user_id), context)).facts;
      const available = balance.minus(held);
      return { sufficient: available.gte(amount), required: print(amount), available: print(available) };
    }),
    handle(contracts.listTransactions, async ({ user_id, transaction_type: type, ...page }, context) => {
      const userId = context.onUser(user_id);
      await current(room, userId, context);
      const { lines, next } = await readTransactions(db, userId, { ...page, type });
      return new Reply(JSON.stringify(lines), { next });
    }),
    handle(contracts.explainTransaction, async ({ user_id, id }, context) => {
      const userId = context.onUser(user_id);
      const line = UUID.test(id) ? await readTransaction(db, userId, id) : undefined;
      if (line === undefined) throw new Fault("not_found", "there is no such transaction");
      return { ...line, usage: await usageOf(room, userId, line) };
    }),
    handle(contracts.creditsEventOutcomes, ({ events }) => readOutcomes(db, events)),
  ];
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

const OfEvent = z.object({ key: z.string().startsWith("event:"), metadata: z.object({ occurred_at: z.string() }) });

/** The usage event that a line charged, as its owner explains it; null where it is of none, or past its retention. */
async function usageOf({ bus }: Room, userId: string, line: unknown) {
  const of = OfEvent.safeParse(line);
  if (!of.success) return null;
  const { key, metadata } = of.data;
  const event = { user_id: userId, id: key.slice("event:".length), occurred_at: metadata.occurred_at };
  try {
    // The answer is told on as it came.
    const reply = await bus.forward(explainUsage, JSON.stringify(event), {
      caller: { sub: "credits", roles: ["service"] },
    });
    return JSON.parse(reply.json) as z.input<(typeof explainUsage)["output"]>;
  } catch (error) {
    if (Fault.from(error).code === "not_found") return null;
    throw error;
  }
}
