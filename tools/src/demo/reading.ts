/** Reads what the platform says of the demo's users. */
import { z } from "zod";
import { type CreditBalance, getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { usageByModel, usageSummary } from "@tollbooth/shared/contracts/usage";
import type { Db } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import { inLanes } from "./lanes.ts";
import type { Scene } from "./scene.ts";
import type { Answers } from "./statement.ts";

const LANES = 8;
const PAGE = 500;

/** What the REST API answers each user about himself, in the order asked. */
export async function readAnswers(userIds: readonly string[], { rest, tokenOf }: Scene): Promise<Answers[]> {
  const answers = new Map<string, Answers>();
  await inLanes(LANES, userIds, async (userId) => {
    const token = await tokenOf(userId, "user");
    answers.set(userId, {
      balance: (await rest.ask(getBalance, {}, { token })) as z.output<typeof CreditBalance>,
      journal: await rest.pages(listTransactions, { limit: PAGE }, { token }),
      summary: await rest.ask(usageSummary, {}, { token }),
      byModel: await rest.ask(usageByModel, {}, { token }),
    });
  });
  return userIds.map((userId) => answers.get(userId) as Answers);
}

/** Which of the users owe something. */
export async function readDebtors(userIds: readonly string[], { rest, tokenOf }: Scene): Promise<string[]> {
  const debtors: string[] = [];
  await inLanes(LANES, userIds, async (userId) => {
    const { balance } = await rest.ask(getBalance, {}, { token: await tokenOf(userId, "user") });
    if (balance.isNegative()) debtors.push(userId);
  });
  return debtors;
}

const Tokens = z.object({ input: z.coerce.number(), output: z.coerce.number() });

/** Prompt and completion tokens of the users in the sums by day; the API's summaries are of both together. */
export async function readTokens(userIds: readonly string[], usage: Db): Promise<z.output<typeof Tokens>> {
  return usage.one(
    Tokens,
    sql`select coalesce(sum(input_tokens), 0) as input, coalesce(sum(output_tokens), 0) as output
        from usage_days where user_id = any(${userIds})`,
  );
}
