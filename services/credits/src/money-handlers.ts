/** Credits that come and go: allocate, bonus, deduct, refund, correct. */
import * as contracts from "@tollbooth/shared/contracts/credits";
import { handle, type Endpoint } from "@tollbooth/shared/handler";
import { keyed } from "@tollbooth/shared/idempotency";
import { by } from "./caller.ts";
import type { Room } from "./handlers.ts";
import { submit } from "./posting.ts";

/** What changes balances. */
export function moneyEndpoints(room: Room): Endpoint[] {
  return [...coming(room), ...goingAndBack(room)];
}

function coming({ poster }: Room): Endpoint[] {
  return [
    handle(contracts.createAccount, ({ user_id }, context) =>
      submit(poster, { userId: context.onUser(user_id), command: { kind: "settle" } }),
    ),
    handle(contracts.allocate, (input, context) => {
      const { user_id, source: reason, ...rest } = input;
      const command = { kind: "grant", lotKind: "purchase", reason, ...rest, ...by(context) } as const;
      return submit(poster, {
        userId: context.onUser(user_id),
        command,
        keyed: keyed(contracts.allocate, input, context),
      });
    }),
    handle(contracts.grantBonus, (input, context) => {
      const { user_id, source: reason, effective_at: effectiveAt, expires_at: expiresAt, ...rest } = input;
      const command = {
        kind: "grant",
        lotKind: "bonus",
        reason,
        effectiveAt,
        expiresAt,
        ...rest,
        ...by(context),
      } as const;
      return submit(poster, {
        userId: context.onUser(user_id),
        command,
        keyed: keyed(contracts.grantBonus, input, context),
      });
    }),
  ];
}

function goingAndBack({ poster }: Room): Endpoint[] {
  return [
    handle(contracts.deduct, (input, context) => {
      const { user_id, cost_breakdown: parts, ...rest } = input;
      const cost = parts && { providerCost: parts.provider_cost, markup: parts.markup };
      const command = { kind: "deduct", cost, ...rest, ...by(context) } as const;
      return submit(poster, {
        userId: context.onUser(user_id),
        command,
        keyed: keyed(contracts.deduct, input, context),
      });
    }),
    handle(contracts.refund, (input, context) => {
      const { user_id, transaction_id: transactionId, ...rest } = input;
      const command = { kind: "refund", transactionId, ...rest, ...by(context) } as const;
      return submit(poster, {
        userId: context.onUser(user_id),
        command,
        keyed: keyed(contracts.refund, input, context),
      });
    }),
    handle(contracts.adjust, (input, context) => {
      const { user_id, amount, ...rest } = input;
      const words = { ...rest, ...by(context) };
      const command = amount.gt(0)
        ? ({ kind: "grant", lotKind: "adjustment", amount, ...words } as const)
        : ({ kind: "correct", amount: amount.neg(), ...words } as const);
      return submit(poster, {
        userId: context.onUser(user_id),
        command,
        keyed: keyed(contracts.adjust, input, context),
      });
    }),
  ];
}
