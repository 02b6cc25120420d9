/** `npm run verify`: whether the journal of a user, or of everybody, is as it was written. Exit code 1 where it is not. */
import { Command } from "commander";
import { verify } from "@tollbooth/credits/verify";
import { attach } from "./attach.ts";
import { withBooks } from "./ledgers.ts";

const command: Command = new Command("npm run verify --")
  .description("Recomputes the hash chains of the journal and says where one breaks. Exit code 1 where one does.")
  .option("--user <id>", "only this user's; without it everybody's")
  .option("--json", "for programs: an object")
  .parse();
const { user, json } = command.opts<{ user?: string; json?: true }>();

const { auditUrls } = await attach(process.env).catch((error: Error) => command.error(error.message));
await withBooks(auditUrls, async ({ credits }) => {
  const verified = await verify(credits, user);
  const { users, lines, breaks } = verified;
  if (user !== undefined && users === 0 && breaks.length === 0) command.error(`There is no journal of ${user}.`);
  process.exitCode = breaks.length === 0 ? 0 : 1;
  if (json) return console.log(JSON.stringify(verified, undefined, 2));
  const journals = `${lines} lines of ${users} ${users === 1 ? "journal" : "journals"}`;
  console.log(
    breaks.length === 0
      ? `The chain holds: ${journals}.`
      : [`The chain is broken (${journals}):`, ...breaks].join("\n  "),
  );
}).catch((error: Error) => command.error(error.message));
