/** What the credits service answers: each contract joined with what does it. */
import * as contracts from "@tollbooth/shared/contracts/credits";
import { listDeadCharges, redriveDeadCharges } from "@tollbooth/shared/contracts/dead-letters";
import type { Db } from "@tollbooth/shared/db";
import { tellLetters, type Redriven } from "@tollbooth/shared/dead-letters";
import { Fault } from "@tollbooth/shared/fault";
import { handle, Reply, type Context, type Endpoint } from "@tollbooth/shared/handler";
import { keyed } from "@tollbooth/shared/idempotency";
import { print } from "@tollbooth/shared/money";
import { tellBalance, type BalanceFacts } from "./balance.ts";
import type { Actor } from "./account.ts";
import { redriveCharge } from "./charges.ts";
import { submit, type Poster } from "./posting.ts";
import { readBalance, readOutcomes, readTiers, readTransactions } from "./reads.ts";

export function endpoints(db: Db, poster: Poster): Endpoint[] {
  return [...reads(db, poster), ...writes(poster), ...driving(db, poster)];
}

function reads(db: Db, poster: Poster): Endpoint[] {
  /** The user's balance, after time was settled. Provisions the one who asks; of others only those who are known. */
  const current = async (userId: string, { caller }: Context): Promise<BalanceFacts> => {
    const found = await readBalance(db, userId);
    if (found !== undefined && !found.due) return found.facts;
    if (found === undefined && caller?.sub !== userId) throw new Fault("not_found", "there is no such user");
    await submit(poster, { userId, command: { kind: "settle" } });
    return ((await readBalance(db, userId)) as { facts: BalanceFacts }).facts;
  };

  return [
    handle(contracts.getBalance, async ({ user_id }, context) =>
      tellBalance(await current(context.onUser(user_id), context)),
    ),
    handle(contracts.checkBalance, async ({ user_id, amount }, context) => {
      const { balance, held } = await current(context.onUser(user_id), context);
      const available = balance.minus(held);
      return { sufficient: available.gte(amount), required: print(amount), available: print(available) };
    }),
    handle(contracts.listTransactions, async ({ user_id, transaction_type: type, ...page }, context) => {
      const userId = context.onUser(user_id);
      await current(userId, context);
      const { lines, next } = await readTransactions(db, userId, { ...page, type });
      return new Reply(JSON.stringify(lines), { next });
    }),
    handle(contracts.listTiers, () => readTiers(db)),
    handle(contracts.creditsEventOutcomes, ({ events }) => readOutcomes(db, events)),
  ];
}

function writes(poster: Poster): Endpoint[] {
  return [
    handle(contracts.createAccount, ({ user_id }, context) =>
      submit(poster, { userId: context.onUser(user_id), command: { kind: "settle" } }),
    ),
    handle(contracts.allocate, (input, context) => {
      const { user_id, amount, source: reason, metadata } = input;
      const command = { kind: "grant", lotKind: "purchase", amount, reason, metadata, ...by(context) } as const;
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
  ];
}

function driving(db: Db, poster: Poster): Endpoint[] {
  return [
    handle(listDeadCharges, (page) => tellLetters(db, page)),
    handle(redriveDeadCharges, async ({ ids }) => {
      const answers: Redriven[] = [];
      // One by one: each holds its letter, and a connection, while it is posted.
      for (const id of ids) answers.push(await redriveCharge(db, poster, id));
      return answers;
    }),
  ];
}

/** Who does it, and under which key it stands in the journal. */
function by({ caller, idempotencyKey }: Context): { actor: Actor; key: string | undefined } {
  if (caller === undefined) throw new Fault("unauthenticated", "this needs to know who asks");
  const role = (["admin", "service"] as const).find((each) => caller.roles.includes(each)) ?? "user";
  return { actor: { sub: caller.sub, role }, key: idempotencyKey === undefined ? undefined : `rest:${idempotencyKey}` };
}
