/** `npm run explain`: why a line of the journal is what it is, down to the price row. */
import { Command } from "commander";
import { explainTransaction } from "@tollbooth/shared/contracts/credits";
import { sql } from "@tollbooth/shared/sql";
import { z } from "zod";
import { withBus } from "./asking.ts";
import { attach } from "./attach.ts";
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

const { auditUrls } = await attach(process.env).catch((error: Error) => command.error(error.message));
await withBooks(auditUrls, async ({ credits }) => {
  const owner = await credits.maybe(
    z.object({ user_id: z.string() }),
    sql`select user_id from credit_transactions where id::text = ${id}`,
  );
  if (owner === undefined) command.error(`There is no transaction ${id}.`);
  await withBus("explain", async (bus) => {
    const input = JSON.stringify({ id, user_id: owner.user_id });
    const { json: text } = await bus.forward(explainTransaction, input, { caller: CALLER });
    const line = JSON.parse(text) as z.input<(typeof explainTransaction)["output"]>;
    console.log(json ? JSON.stringify(line, undefined, 2) : explanation(line));
  });
}).catch((error: Error) => command.error(error.message));
