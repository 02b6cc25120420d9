/** `npm run explain`: why a line of the journal is what it is, down to the price row. */
import { Command } from "commander";
import { openBus } from "@tollbooth/shared/bus";
import { explainTransaction } from "@tollbooth/shared/contracts/credits";
import { openLog } from "@tollbooth/shared/log";
import { sql } from "@tollbooth/shared/sql";
import { z } from "zod";
import { attach } from "./attach.ts";
import { OPERATOR } from "./broker/permissions.ts";
import { explanation } from "./explanation.ts";
import { withBooks } from "./ledgers.ts";

const command: Command = new Command("npm run explain --")
  .description("Says why a line of the journal is what it is: lots, hold, usage, price, markup, actor, trace.")
  .argument("<transaction>", "its id, from GET /transactions")
  .option("--json", "for programs: what GET /transactions/{id} answers")
  .parse();
const { json } = command.opts<{ json?: true }>();
const [id = ""] = command.args;
const CALLER = { sub: "explain", roles: ["admin"] } as const;

const reach = await attach(process.env).catch((error: Error) => command.error(error.message));
const { auditUrls, natsUrl: url, natsKeys: keys } = reach;
await withBooks(auditUrls, async ({ credits }) => {
  const owner = await credits.maybe(
    z.object({ user_id: z.string() }),
    sql`select user_id from credit_transactions where id::text = ${id}`,
  );
  if (owner === undefined) command.error(`There is no transaction ${id}.`);
  const bus = await openBus({ url, keys, name: OPERATOR, log: openLog("explain", "silent") });
  try {
    const input = JSON.stringify({ id, user_id: owner.user_id });
    const { json: text } = await bus.forward(explainTransaction, input, { caller: CALLER });
    const line = JSON.parse(text) as z.input<(typeof explainTransaction)["output"]>;
    console.log(json ? JSON.stringify(line, undefined, 2) : explanation(line));
  } finally {
    await bus.close();
  }
}).catch((error: Error) => command.error(error.message));
