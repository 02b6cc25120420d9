/** `npm run database-doc`: writes docs/DATABASE.md from the catalogue of databases made for it, and removes them. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Command } from "commander";
import { freePort } from "@tollbooth/shared/local/ports";
import { startPostgres } from "@tollbooth/shared/local/postgres";
import { ROOT } from "./checkout.ts";
import { forEachOwner, OWNERS, rolesOf, type Owner } from "./databases.ts";
import { openBooks } from "./ledgers.ts";
import { makeDatabases } from "./roles.ts";
import { readSchema, type Schema } from "./schema.ts";
import { databaseDocument } from "./schema-text.ts";

const command: Command = new Command("npm run database-doc --")
  .description("Writes docs/DATABASE.md from the catalogue of databases that it makes for that, and removes again.")
  .option("--json", "for programs: prints the schemas and writes nothing")
  .parse();
const { json } = command.opts<{ json?: true }>();

const folder = await mkdtemp(join(tmpdir(), "tollbooth-schema-"));
// Root's Postgres runs as somebody else.
await chmod(folder, 0o711);
try {
  const files = { dataDir: join(folder, "data"), logFile: join(folder, "log") };
  const postgres = await startPostgres({ ...files, port: await freePort(), fsync: false });
  try {
    await tell(await schemas(postgres.url()));
  } finally {
    await postgres.stop();
  }
} catch (error) {
  command.error((error as Error).message);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function schemas(superuserUrl: string): Promise<Record<Owner, Schema>> {
  const none = forEachOwner(() => "none");
  const { databaseUrls } = await makeDatabases(superuserUrl, { service: none, audit: none });
  const books = openBooks(databaseUrls, "schema");
  try {
    const read: [Owner, Schema][] = [];
    for (const owner of OWNERS) read.push([owner, await readSchema(books[owner], rolesOf(owner))]);
    return Object.fromEntries(read) as Record<Owner, Schema>;
  } finally {
    await books.close();
  }
}

async function tell(all: Record<Owner, Schema>): Promise<void> {
  if (json) return console.log(JSON.stringify(all, undefined, 2));
  const file = join(ROOT, "docs/DATABASE.md");
  await writeFile(file, databaseDocument(all));
  console.log(`${relative(ROOT, file)} is written.`);
}
