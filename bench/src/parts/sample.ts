/** What a platform has grown to: the memory of its processes, the size of its busiest tables, what still waits to be told. */
import { z } from "zod";
import type { Db } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import type { openBooks } from "@tollbooth/tools/ledgers";
import type { Platform } from "@tollbooth/tools/platform";
import { outputOf } from "./program.ts";

const PARTS = ["gateway", "credits", "usage", "coupons", "openrouter", "nats"] as const;
const HOT = {
  credits: ["user_credits", "credit_lots", "inbox", "outbox"],
  usage: ["usage_hours", "usage_days", "outbox"],
} as const;

const Size = z.object({
  table: z.string(),
  live: z.coerce.number(),
  dead: z.coerce.number(),
  bytes: z.coerce.number(),
  indexBytes: z.coerce.number(),
});
export type Size = z.output<typeof Size>;

export interface Sample {
  /** Resident, by process. */
  readonly memoryMb: Readonly<Record<string, number>>;
  readonly tables: readonly Size[];
  /** How long the oldest fact waits to be told or confirmed. */
  readonly outboxAgeS: number;
}

/** Looks at all of it now. */
export async function sample(platform: Platform, books: ReturnType<typeof openBooks>): Promise<Sample> {
  return {
    memoryMb: await memoryMb(platform),
    tables: [
      ...(await sizes(books.credits, "credits", HOT.credits)),
      ...(await sizes(books.usage, "usage", HOT.usage)),
    ],
    outboxAgeS: Math.max(await outboxAge(books.credits), await outboxAge(books.usage)),
  };
}

/** What each process has in memory. */
export async function memoryMb(platform: Platform): Promise<Sample["memoryMb"]> {
  const memory = PARTS.map(async (part) => [part, await residentMb(platform.part(part).pid ?? 0)] as const);
  return Object.fromEntries(await Promise.all(memory));
}

/** What a process has in memory. */
export async function residentMb(pid: number): Promise<number> {
  return Math.round(Number(await outputOf("ps", ["-o", "rss=", "-p", String(pid)])) / 1024);
}

function sizes(db: Db, owner: string, tables: readonly string[]): Promise<Size[]> {
  return db.many(
    Size,
    sql`select ${owner} || '.' || relname as table, n_live_tup as live, n_dead_tup as dead, pg_table_size(relid) as bytes, pg_indexes_size(relid) as "indexBytes"
        from pg_stat_user_tables where relname = any(${tables}) order by 1`,
  );
}

async function outboxAge(db: Db): Promise<number> {
  const { age } = await db.one(
    z.object({ age: z.coerce.number() }),
    sql`select coalesce(greatest(0, extract(epoch from now() - min(next_at))), 0)::numeric(12, 1) as age from outbox`,
  );
  return age;
}
