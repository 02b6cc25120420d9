/** The ledger's posting routine on a database of its own, loaded as REST and the broker load it in the service. */
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { postCharge } from "@tollbooth/credits/charges";
import { openPoster, submit, type Poster } from "@tollbooth/credits/posting";
import { deduct } from "@tollbooth/shared/contracts/credits";
import type { usageTracked } from "@tollbooth/shared/contracts/usage";
import { openDb, type Db } from "@tollbooth/shared/db";
import { keyed } from "@tollbooth/shared/idempotency";
import type { LocalPostgres } from "@tollbooth/shared/local/postgres";
import { migrate } from "@tollbooth/shared/migrate";
import { decimal, MoneyText } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import { requireChained, requireLawful } from "./balanced.ts";
import { makeDatabase } from "./postgres.ts";

const MIGRATIONS = fileURLToPath(new URL("../../services/credits/migrations", import.meta.url));
/** What the service has where nobody sets it. */
const POOL_MAX = 10;
const GRANTED = decimal("1000000");
const AMOUNT = decimal("0.000001");
const SERVICE = { sub: "bench", roles: ["service"] } as const;

const Counts = z.object({
  taken: MoneyText,
  lines: z.coerce.number(),
  commands: z.coerce.number(),
  inbox: z.coerce.number(),
});

export class Ledger {
  readonly #db: Db;
  readonly #poster: Poster;
  #deducted = 0;
  #charged = 0;

  /** A migrated ledger in which each of the users has bought a million credits. */
  static async open(postgres: LocalPostgres, userIds: readonly string[]): Promise<Ledger> {
    const url = await makeDatabase(postgres, "credits");
    const ledger = new Ledger(openDb({ url, name: "bench", poolMax: POOL_MAX }));
    await migrate(ledger.#db, MIGRATIONS);
    await Promise.all(userIds.map((userId) => ledger.#grant(userId)));
    return ledger;
  }

  private constructor(db: Db) {
    this.#db = db;
    // What is told to others leaves through the outbox; here nobody waits for it.
    this.#poster = openPoster(db, { aheadMs: 0 }, () => {});
  }

  /** A deduction as REST brings it, under a key of its own. Settles when it is committed. */
  async deduct(userId: string): Promise<void> {
    const key = randomUUID();
    const input = { user_id: userId, amount: AMOUNT.toFixed(), service: "bench" };
    const actor = { sub: SERVICE.sub, role: "service" };
    await submit(this.#poster, {
      userId,
      command: { kind: "deduct", amount: AMOUNT, service: "bench", actor, key: `rest:${key}` },
      keyed: keyed(deduct, input, { caller: SERVICE, idempotencyKey: key, requestId: key, deadlineMs: Infinity }),
    });
    this.#deducted += 1;
  }

  /** A charge as the broker brings it: the JSON of a usage event. Settles when it is committed. */
  async charge(userId: string): Promise<void> {
    const id = randomUUID();
    const amount = AMOUNT.toFixed(12);
    const event: z.input<typeof usageTracked.data> = {
      id,
      source: "bench",
      source_event_id: id,
      user_id: userId,
      service: "bench",
      model: "model",
      charged: amount,
      cost_breakdown: { provider_cost: amount, markup: "0.000000000000", total: amount },
      is_free: false,
      free_value: "0.000000000000",
      hold_id: null,
      occurred_at: new Date().toISOString(),
    };
    await postCharge(this.#poster, JSON.parse(JSON.stringify(event)));
    this.#charged += 1;
  }

  /** Tries whether exactly what was posted was written, once each, every law of credits and every chain. Throws what does not hold. */
  async requireSound(): Promise<void> {
    const { taken, lines, commands, inbox } = await this.#db.one(
      Counts,
      sql`select coalesce(-sum(amount), 0) as taken, count(*) as lines,
            (select count(*) from commands) as commands, (select count(*) from inbox) as inbox
          from credit_transactions where transaction_type = 'usage'`,
    );
    const posted = this.#deducted + this.#charged;
    const isWhole = lines === posted && commands === this.#deducted && inbox === this.#charged;
    if (!isWhole || !taken.eq(AMOUNT.times(posted)))
      throw new Error(
        `${posted} were posted, but there are ${lines} lines, ${commands} commands, ${inbox} inbox rows, and ${taken.toFixed()} was taken`,
      );
    await requireLawful(this.#db);
    await requireChained(this.#db);
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  async #grant(userId: string): Promise<void> {
    const actor = { sub: "bench", role: "admin" };
    await submit(this.#poster, {
      userId,
      command: { kind: "grant", lotKind: "purchase", amount: GRANTED, reason: "bench", actor },
    });
  }
}
