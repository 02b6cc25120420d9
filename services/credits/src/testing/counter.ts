/** A user at the counter: the posting routine on a real Postgres, one command at a time. */
import { z } from "zod";
import type { Db } from "@tollbooth/shared/db";
import { Fault } from "@tollbooth/shared/fault";
import { contentHash } from "@tollbooth/shared/idempotency";
import { MoneyText, ZERO, type Money } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import type { Command } from "../command.ts";
import { post } from "../posting.ts";

/** Thrown to undo what was only tried. */
const UNDONE = new Error("undone");

let users = 0;

/** A user whom no other case knows. */
export function nextUser(): string {
  return `case-${++users}`;
}

/** One user at the counter: a command at a time, each in a transaction. */
export class Counter {
  readonly #db: Db;
  readonly userId = nextUser();
  readonly #clock = { aheadMs: 0 };

  constructor(db: Db) {
    this.#db = db;
  }

  /** Does a command; answers `ok`, `again` for the first answer once more, or the code of the refusal. */
  do(command: Command, key?: string): Promise<string> {
    return this.#db.tx(async (tx) => told(await post(tx, this.#clock, [this.#post(command, key)])));
  }

  /** By how much a command would lower the balance, and what it would answer, if it were done. */
  async wouldTake(command: Command): Promise<{ answer: string; taken: Money }> {
    const before = await balanceOf(this.#db, this.userId);
    let would: { answer: string; taken: Money } | undefined;
    await this.#db
      .tx(async (tx) => {
        const answer = told(await post(tx, this.#clock, [this.#post(command)]));
        would = { answer, taken: before.minus(await balanceOf(tx, this.userId)) };
        throw UNDONE;
      })
      .catch((error: unknown) => {
        if (error !== UNDONE) throw error;
      });
    return would ?? { answer: "nothing", taken: ZERO };
  }

  wait(seconds: number): void {
    this.#clock.aheadMs += seconds * 1000;
  }

  balance(): Promise<Money> {
    return balanceOf(this.#db, this.userId);
  }

  #post(command: Command, key?: string) {
    const hash = contentHash(JSON.parse(JSON.stringify(command)));
    return {
      userId: this.userId,
      command,
      trace: {},
      ...(key !== undefined && { keyed: { callerId: this.userId, key: `rest:${key}`, hash } }),
    };
  }
}

function told({ outcomes: [outcome] }: Awaited<ReturnType<typeof post>>): string {
  if (outcome instanceof Fault) return outcome.code;
  return outcome?.replayed === true ? "again" : "ok";
}

/** What a user's row says. */
export async function balanceOf(db: Pick<Db, "one">, userId: string): Promise<Money> {
  const row = z.object({ balance: MoneyText });
  return (await db.one(row, sql`select balance from user_credits where user_id = ${userId}`)).balance;
}
