/** Dated roots over all journals, kept outside the database: only against them is a hash chain proof. */
import { appendFile, readFile } from "node:fs/promises";
import { z } from "zod";
import { rootAt } from "@tollbooth/credits/verify";
import type { Db } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";

const Kept = z.object({ at: z.string(), users: z.number(), root: z.string() });
export type KeptRoot = z.output<typeof Kept>;

/** Transactions that began before this have ended: their time-outs are shorter. */
const SETTLED_MS = 60_000;
/** Older ones are covered by newer ones, as long as those held when they were written. */
const CHECKED_MAX = 20;

/** Whether the latest kept roots are still what the journals say; one text for each that is not. */
export async function rootsThatDiffer(db: Db, file: string): Promise<{ checked: number; breaches: string[] }> {
  const text = await readFile(file, "utf8").catch(() => "");
  const kept = text
    .split("\n")
    .filter((line) => line !== "")
    .slice(-CHECKED_MAX)
    .map((line) => Kept.parse(JSON.parse(line)));
  const breaches: string[] = [];
  for (const { at, users, root } of kept) {
    const now = await rootAt(db, Date.parse(at));
    if (now.root !== root) breaches.push(`the journals as of ${at} (${users} users) are not what they were then`);
  }
  return { checked: kept.length, breaches };
}

/** Appends the root of a minute ago, when everything that was posted until then is committed. */
export async function keepRoot(db: Db, file: string): Promise<KeptRoot> {
  const { now } = await db.one(z.object({ now: z.number() }), sql`select clock_timestamp() as now`);
  const atMs = now - SETTLED_MS;
  const kept = { at: new Date(atMs).toISOString(), ...(await rootAt(db, atMs)) };
  await appendFile(file, `${JSON.stringify(kept)}\n`);
  return kept;
}
