/** How far credits is with what was reported: every event that costs something is one line of its user's journal. */
import { z } from "zod";
import { openDb, type Db } from "@tollbooth/shared/db";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";

const Total = z.object({ lines: z.coerce.number() });
const Journal = z.object({ user_id: z.string(), last_seq: z.coerce.number() });

export class Applied {
  readonly #db: Db;
  #before = 0;

  /** Counts from what credits has now. */
  static async open(creditsUrl: string): Promise<Applied> {
    const applied = new Applied(openDb({ url: creditsUrl, name: "bench-applied", poolMax: 2 }));
    applied.#before = await applied.count();
    return applied;
  }

  private constructor(db: Db) {
    this.#db = db;
  }

  /** Events that are deducted, so that everybody sees it. */
  async count(): Promise<number> {
    // The journal's own end in each account: lines are not counted, so that looking costs the same however many there are.
    const { lines } = await this.#db.one(Total, sql`select coalesce(sum(last_seq), 0) as lines from user_credits`);
    return lines - this.#before;
  }

  /** The number of each user's last line. */
  async lastLines(userIds: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.#db.many(
      Journal,
      sql`select user_id, last_seq from user_credits where user_id = any(${userIds})`,
    );
    return new Map(rows.map(({ user_id, last_seq }) => [user_id, last_seq]));
  }

  /** Waits for so many. Throws where they do not come in time. */
  async reach(count: number, withinMs: number): Promise<void> {
    if (await until(async () => (await this.count()) >= count, withinMs)) return;
    throw new Error(`of ${count} events ${await this.count()} were deducted within ${withinMs / 1000} s`);
  }

  async close(): Promise<void> {
    await this.#db.close();
  }
}
