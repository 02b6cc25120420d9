/** Postgres, and nobody else knows `pg`. Rows are checked where they come in; a transaction is retried where that is safe. */
import pg from "pg";
import type { z } from "zod";
import { Fault } from "./fault.ts";
import type { Log } from "./log.ts";
import { poolConnections, poolWaiting } from "./metrics.ts";
import type { Sql } from "./sql.ts";
import { inSpan, SpanKind } from "./telemetry.ts";

/**
 * What can be asked of a connection, inside a transaction or outside one. In a transaction statements are done in the order
 * in which they are asked, and one may be asked before the last is answered: what does not depend on its answer saves the
 * way there and back.
 */
export interface Tx {
  /** Runs a statement; answers how many rows it touched. */
  run(query: Sql): Promise<number>;
  /** All rows, each checked by the schema. */
  many<R extends z.ZodType>(row: R, query: Sql): Promise<z.output<R>[]>;
  /** The only row, or undefined where there is none. Two rows are a bug. */
  maybe<R extends z.ZodType>(row: R, query: Sql): Promise<z.output<R> | undefined>;
  /** The only row. */
  one<R extends z.ZodType>(row: R, query: Sql): Promise<z.output<R>>;
}

export interface Db extends Tx {
  /** One transaction, committed when `work` resolves. Deadlocks and serialization failures run it again, 5 times at most. */
  tx<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** A connection of its own, outside the pool: for locks that live as long as it does. */
  session(): Promise<Session>;
  close(): Promise<void>;
}

export interface Session extends Tx {
  /** Whether the connection has died, and its locks with it. */
  lost(): boolean;
  close(): Promise<void>;
}

export interface DbOptions {
  readonly url: string;
  /** Names the connections in pg_stat_activity. */
  readonly name: string;
  readonly poolMax: number;
  /** How long a statement may take; 15 s where it is not said. */
  readonly statementMaxMs?: number;
  readonly log?: Log;
}

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_MAX_MS = 15_000;
const LOCK_TIMEOUT_MS = 10_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000;
const TX_ATTEMPTS_MAX = 5;

/**
 * SQLSTATEs after which the same transaction, run again, can succeed: serialization failure, deadlock, and a unique key
 * that another transaction wrote after we looked (run again, we see its row).
 */
const RETRYABLE = new Set(["40001", "40P01", "23505"]);
/** SQLSTATE classes that say the database is away, not that we are wrong: connection, resources, operator intervention. */
const AWAY_CLASSES = new Set(["08", "53", "57"]);
/** The same of single ones: a lock that did not come, a transaction that was ended because we did not go on with it. */
const AWAY = new Set(["55P03", "25P03"]);

/** A statement of a transaction in which an earlier one has failed. */
const ABORTED = "25P02";

const TIMESTAMPTZ = 1184;
pg.types.setTypeParser(TIMESTAMPTZ, (text) =>
  text === "infinity" ? Infinity : text === "-infinity" ? -Infinity : Date.parse(text),
);

/** Opens a pool. Instants come back as milliseconds since 1970, numeric and bigint as text, jsonb parsed. */
export function openDb({ url, name, poolMax, statementMaxMs = STATEMENT_MAX_MS, log }: DbOptions): Db {
  const settings = {
    connectionString: url,
    // Statements follow each other without waiting for answers; see Tx.
    pipeline: true,
    // A plan made for any arrays would join batches of hundreds row by row.
    options: "-c plan_cache_mode=force_custom_plan",
    application_name: `tollbooth-${name}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementMaxMs,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    keepAlive: true,
  };
  const pool = new pg.Pool({ ...settings, max: poolMax, idleTimeoutMillis: 30_000 });
  const onError = (error: Error) => log?.warn({ err: error }, "a database connection was lost");
  pool.on("error", onError);
  // A client that is checked out tells its death here, and an error event that nobody hears ends the process.
  pool.on("connect", (client) => client.on("error", onError));

  const unwatch = watchPool(pool, name);

  return {
    ...queries((query) => ask(pool, query).catch(told)),
    tx: (work) => retrying(() => transaction(pool, work)).catch(told),
    session: () => openSession(new pg.Client(settings), onError),
    close: () => {
      for (const end of unwatch) end();
      return pool.end();
    },
  };
}

/** Tells how busy a pool is; answers what ends it. */
function watchPool(pool: pg.Pool, name: string): (() => void)[] {
  const labels = { db_client_connection_pool_name: name };
  const inState = (state: string, value: number) => ({
    labels: { ...labels, db_client_connection_state: state },
    value,
  });
  return [
    poolConnections.watch(() => [inState("idle", pool.idleCount), inState("used", pool.totalCount - pool.idleCount)]),
    poolWaiting.watch(() => [{ labels, value: pool.waitingCount }]),
  ];
}

/** Whether an error says that the database could not be reached or gave up, so that trying again later makes sense. */
export function isTransient(error: unknown): boolean {
  if (error instanceof Fault)
    return error.code === "unavailable" || error.code === "overloaded" || error.code === "timeout";
  return RETRYABLE.has(codeOf(error)) || isAway(error);
}

function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  return (
    AWAY_CLASSES.has(code.slice(0, 2)) ||
    AWAY.has(code) ||
    /^E[A-Z]+$/.test(code) ||
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/.test(
      error.message,
    )
  );
}

async function openSession(client: pg.Client, onError: (error: Error) => void): Promise<Session> {
  let lost = false;
  client.on("error", (error) => {
    lost = true;
    onError(error);
  });
  client.on("end", () => (lost = true));
  await client.connect();
  return { ...queries((query) => ask(client, query)), lost: () => lost, close: () => client.end() };
}

async function transaction<T>(pool: pg.Pool, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let [broken, first]: [Error | undefined, unknown] = [undefined, undefined];
  const asked = (query: Sql) =>
    ask(client, query).catch((error: unknown) => {
      first ??= error;
      throw error;
    });
  try {
    const begun = client.query("begin");
    // Told below, or by the first statement of the work.
    begun.catch(() => {});
    const result = await work(queries(asked));
    await begun;
    const { command } = await client.query("commit");
    // What fails in a transaction fails all of it, whether or not the work looked at every answer.
    if (command !== "COMMIT") throw new Error("a statement failed and nobody looked: nothing was kept");
    return result;
  } catch (error) {
    await client.query("rollback").catch((failed: Error) => (broken = failed));
    // Whichever answer the work looked at: what failed first says why, and whether trying again makes sense.
    throw codeOf(error) === ABORTED ? first : error;
  } finally {
    client.release(broken);
  }
}

async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!RETRYABLE.has(codeOf(error)) || attempt === TX_ATTEMPTS_MAX) throw error;
    }
  }
}

function queries(send: (query: Sql) => Promise<pg.QueryResult>): Tx {
  const many: Tx["many"] = async (row, query) => (await send(query)).rows.map((raw) => row.parse(raw));
  const maybe: Tx["maybe"] = async (row, query) => {
    const rows = await many(row, query);
    if (rows.length > 1) throw new Error(`expected at most one row, got ${rows.length}`);
    return rows[0];
  };
  return {
    run: async (query) => (await send(query)).rowCount ?? 0,
    many,
    maybe,
    one: async (row, query) => {
      const found = await maybe(row, query);
      if (found === undefined) throw new Error("expected one row, got none");
      return found;
    },
  };
}

/** What is asked in one turn goes to the server in one write. */
function inOneWrite({ connection }: pg.Client): void {
  if (connection.stream.writableCorked > 0) return;
  connection.stream.cork();
  queueMicrotask(() => connection.stream.uncork());
}

function ask(on: pg.Pool | pg.Client, query: Sql): Promise<pg.QueryResult> {
  const operation = /^\s*(\w+)/.exec(query.text)?.[1] ?? "query";
  const attributes = {
    "db.system.name": "postgresql",
    "db.operation.name": operation,
    "db.query.text": query.text,
  };
  return inSpan(`sql ${operation}`, { kind: SpanKind.CLIENT, attributes }, async () => {
    if (on instanceof pg.Client) inOneWrite(on);
    return on.query(prepared(query));
  });
}

/** As many as our code has statements. */
const names = new Map<string, string>();

/** A statement with values is parsed once a connection: its name is the same wherever its text is. */
function prepared({ text, values }: Sql): pg.QueryConfig {
  if (values.length === 0) return { text };
  let name = names.get(text);
  if (name === undefined) names.set(text, (name = `s${names.size}`));
  return { name, text, values: [...values] };
}

/** What was thrown, as callers shall see it: a database that is away is nobody's mistake. */
function told(thrown: unknown): never {
  if (!isAway(thrown)) throw thrown;
  throw new Fault("unavailable", "the database cannot be reached; try again shortly", {
    retryAfterS: 1,
    cause: thrown,
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
