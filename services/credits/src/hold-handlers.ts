/** Holds: credits set aside for a request, then taken or given back. A hold's own id is the key of what is done to it. */
import type { z } from "zod";
import { printInstant, type Command as Contract } from "@tollbooth/shared/contract";
import * as contracts from "@tollbooth/shared/contracts/holds";
import { handle, type Endpoint } from "@tollbooth/shared/handler";
import { contentHash, type Keyed } from "@tollbooth/shared/idempotency";
import { print } from "@tollbooth/shared/money";
import { available } from "./account.ts";
import { by } from "./caller.ts";
import type { Room } from "./handlers.ts";
import { find, type Hold } from "./hold.ts";
import type { Decision } from "./ledger.ts";
import { submit } from "./posting.ts";

/** Creating, capturing and releasing holds. */
export function holdEndpoints({ poster }: Room): Endpoint[] {
  return [
    handle(contracts.createHold, (input, context) => {
      const userId = context.onUser(input.user_id);
      const { hold_id: holdId, amount, ttl_s: ttlS } = input;
      const command = { kind: "hold", holdId, amount, ttlMs: ttlS * 1000 } as const;
      return submit(poster, {
        userId,
        command,
        keyed: keyOf(contracts.createHold, userId, input),
        tell: tellHold(holdId),
      });
    }),
    handle(contracts.captureHold, (input, context) => {
      const userId = context.onUser(input.user_id);
      const { hold_id: holdId, cost_breakdown: parts, user_id: _, ...rest } = input;
      const key = keyOf(contracts.captureHold, userId, input);
      const cost = parts && { providerCost: parts.provider_cost, markup: parts.markup };
      const command = { kind: "capture", holdId, cost, ...rest, actor: by(context).actor, key: key.key } as const;
      return submit(poster, { userId, command, keyed: key, tell: tellHold(holdId) });
    }),
    handle(contracts.releaseHold, (input, context) => {
      const userId = context.onUser(input.user_id);
      const { hold_id: holdId } = input;
      const command = { kind: "release", holdId } as const;
      return submit(poster, {
        userId,
        command,
        keyed: keyOf(contracts.releaseHold, userId, input),
        tell: tellHold(holdId),
      });
    }),
  ];
}

/** `hold:<id>:<verb>`: the same request again gets the first answer, whoever repeats it. */
function keyOf(contract: Contract, userId: string, input: { hold_id: string }): Keyed {
  const verb = contract.subject.slice(contract.subject.lastIndexOf(".") + 1);
  return { callerId: userId, key: `hold:${input.hold_id}:${verb}`, hash: contentHash(input) };
}

function tellHold(holdId: string): (decision: Decision) => z.input<typeof contracts.CreditHold> {
  return ({ account }) => {
    const hold = find(account, holdId) as Hold;
    return {
      hold_id: holdId,
      state: hold.state,
      amount: print(hold.amount),
      expires_at: printInstant(hold.expiresAt),
      available: print(available(account)),
    };
  };
}
