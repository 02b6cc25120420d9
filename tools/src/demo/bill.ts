/** One bill of the demo, explained down to the price row. */
import type { z } from "zod";
import { explainTransaction, listTransactions } from "@tollbooth/shared/contracts/credits";
import { explanation } from "../explanation.ts";
import type { Scene } from "./scene.ts";

/** Explains a user's latest charge; nothing where he has none. */
export async function explainOne(userId: string, { rest, bus, tokenOf }: Scene): Promise<string | undefined> {
  const token = await tokenOf(userId, "user");
  const [line] = await rest.ask(listTransactions, { transaction_type: "usage", limit: 1 }, { token });
  if (line === undefined) return undefined;
  const caller = { sub: userId, roles: ["user"] } as const;
  const { json } = await bus.forward(explainTransaction, JSON.stringify({ id: line.id }), { caller });
  const explained = JSON.parse(json) as z.input<(typeof explainTransaction)["output"]>;
  return `One bill, as npm run explain -- ${line.id} tells it:\n${explanation(explained)}`;
}
