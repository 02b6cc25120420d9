/** `npm run rotate-keys`: users' OpenRouter keys, encrypted anew with the newest of the vault's keys. */
import { Command } from "commander";
import { rotateKeys } from "@tollbooth/openrouter/rotation";
import { openDb } from "@tollbooth/shared/db";
import { attach } from "./attach.ts";
import { HOME } from "./checkout.ts";
import { readKept } from "./kept.ts";

const command: Command = new Command("npm run rotate-keys --")
  .description(
    "Encrypts users' OpenRouter keys anew with the first key of OPENROUTER_VAULT_KEYS. It can be ended at any time and run again. " +
      "Exit code 1 where a key could not be read.",
  )
  .option("--json", "for programs: an object")
  .addHelpText(
    "after",
    `
How to change the vault's key:
  1. make one: node -p "'k2:' + crypto.randomBytes(32).toString('base64url') + '='"
  2. write it in front of the old ones and restart every openrouter service
  3. run this, until it says that nothing is left
  4. take the old keys away and restart again`,
  )
  .parse();
const { json } = command.opts<{ json?: true }>();

await main().catch((error: Error) => command.error(error.message));

async function main(): Promise<void> {
  const { env } = process;
  const { databaseUrls } = await attach(env);
  const file = env["OPENROUTER_VAULT_KEYS_FILE"] || undefined;
  const kept = file === undefined ? (await readKept(HOME))?.vaultKeys : undefined;
  const db = openDb({ url: databaseUrls.openrouter, name: "rotate-keys", poolMax: 1 });
  try {
    const rotated = await rotateKeys(db, {
      OPENROUTER_VAULT_KEYS: env["OPENROUTER_VAULT_KEYS"] || kept,
      OPENROUTER_VAULT_KEYS_FILE: file,
      NODE_ENV: env["NODE_ENV"],
    });
    tell(rotated);
  } finally {
    await db.close();
  }
}

function tell(done: Awaited<ReturnType<typeof rotateKeys>>): void {
  const { vaultKeyId, rotated, unreadable } = done;
  process.exitCode = unreadable.length === 0 ? 0 : 1;
  if (json) return console.log(JSON.stringify(done, undefined, 2));
  const others = unreadable.length === 0 ? "none is left under another" : `${unreadable.length} could not be read`;
  console.log([`${rotated} keys were encrypted anew by ${vaultKeyId}; ${others}.`, ...unreadable].join("\n  "));
}
