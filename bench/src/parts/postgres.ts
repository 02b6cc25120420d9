/** Databases of a server that is the bench's own. */
import { openDb } from "@tollbooth/shared/db";
import type { LocalPostgres } from "@tollbooth/shared/local/postgres";

/** Makes an empty database; answers its superuser's URL. */
export async function makeDatabase(postgres: LocalPostgres, name: string): Promise<string> {
  const db = openDb({ url: postgres.url(), name: "bench-setup", poolMax: 1 });
  try {
    await db.run({ text: `create database ${name}`, values: [] });
  } finally {
    await db.close();
  }
  return postgres.url(name);
}
