import { execFileSync } from "node:child_process";
import { constants } from "node:fs";
import { chmod, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { openDb } from "../db.ts";
import { sql } from "../sql.ts";
import { until } from "./condition.ts";
import { isAlive } from "./leftover.ts";
import { startNats } from "./nats.ts";
import { freePort } from "./ports.ts";
import { startPostgres, type PostgresOptions } from "./postgres.ts";

async function place(mode: number): Promise<PostgresOptions> {
  const folder = await mkdtemp(join(tmpdir(), "tollbooth-local-"));
  await chmod(folder, mode);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { dataDir: join(folder, "data"), port: await freePort(), logFile: join(folder, "log"), fsync: false };
}

async function start(options: PostgresOptions) {
  const postgres = await startPostgres(options);
  onTestFinished(() => postgres.stop());
  return postgres;
}

async function ask<T>(url: string, work: (db: ReturnType<typeof openDb>) => Promise<T>): Promise<T> {
  const db = openDb({ url, name: "test", poolMax: 1 });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

test.each([
  { name: "in a folder open to others", mode: 0o711, fsync: true },
  { name: "in a folder closed to others", mode: 0o700, fsync: true },
  { name: "also where it does not wait for the disk", mode: 0o711, fsync: false },
])("Postgres keeps what it promised through kill -9, $name", async ({ mode, fsync }) => {
  const options = { ...(await place(mode)), fsync };
  const first = await start(options);
  await ask(first.url(), (db) => db.run(sql`create table kept as select 42 as answer`));
  first.kill("SIGKILL");
  await first.ended;
  const second = await start(options);
  const row = await ask(second.url(), (db) => db.one(z.object({ answer: z.number() }), sql`select answer from kept`));
  expect(row.answer).toBe(42);
});

test("Postgres starts again while a query of the killed one still goes on", async () => {
  const options = await place(0o711);
  const first = await start(options);
  const db = openDb({ url: first.url(), name: "test", poolMax: 2 });
  // A query that goes on until we let it: it opens a pipe that nobody writes to yet.
  const pipe = join(dirname(options.dataDir), "pipe");
  execFileSync("mkfifo", ["-m", "666", pipe]);
  const endQuery = () => open(pipe, constants.O_WRONLY | constants.O_NONBLOCK).then((file) => file.close());
  const working = db.run(sql`select pg_read_file(${pipe}::text)`).catch(() => {});
  const Working = z.object({ count: z.string() });
  const query = sql`select count(*) from pg_stat_activity where query like '%read\\_file%' and pid <> pg_backend_pid()`;
  const isAtWork = async () => (await db.one(Working, query)).count === "1";
  expect(await until(isAtWork, 10_000)).toBe(true);
  first.kill("SIGKILL");
  const starting = start(options);
  const isHeld = async () => (await readFile(options.logFile, "utf8")).includes("pre-existing shared memory block");
  const wasHeld = await until(isHeld, 10_000);
  await endQuery();
  expect(wasHeld).toBe(true);
  expect(isAlive((await starting).pid)).toBe(true);
  await working;
  await db.close();
});

test("a Postgres that an earlier run left behind makes room for ours", async () => {
  const options = await place(0o711);
  const first = await start(options);
  const second = await start(options);
  expect(isAlive(first.pid)).toBe(false);
  expect(isAlive(second.pid)).toBe(true);
});

test("a pid file that now names somebody else's process is no reason to end that, nor not to start", async () => {
  const options = await place(0o711);
  const first = await start(options);
  await first.stop();
  await writeFile(join(options.dataDir, "postmaster.pid"), `${process.pid}\n${options.dataDir}\n`);
  const second = await start(options);
  expect(isAlive(second.pid)).toBe(true);
});

test("a broker that an earlier run left behind makes room for ours", async () => {
  const { dataDir: storeDir, port, logFile } = await place(0o711);
  const first = await startNats({ storeDir, port, logFile });
  const second = await startNats({ storeDir, port, logFile });
  expect(isAlive(first.pid)).toBe(false);
  await second.stop();
});
