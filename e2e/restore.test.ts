/** Databases that go back to an earlier moment: all of them together, and one alone. */
import { chmod, cp, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { createCoupon, redeemCoupon } from "@tollbooth/shared/contracts/coupons";
import { allocate } from "@tollbooth/shared/contracts/credits";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { openDb, type Db } from "@tollbooth/shared/db";
import { output } from "@tollbooth/shared/local/command";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { OWNERS } from "../tools/src/databases.ts";
import { dataOf } from "../tools/src/servers.ts";
import { audited } from "./harness/audited.ts";
import { becomes } from "./harness/balance.ts";
import { Person, somebody } from "./harness/person.ts";
import { openPlatform, serverDb } from "./harness/platform.ts";
import { setBack } from "./harness/set-back.ts";

const own = await openPlatform("restore");
const { platform, reach } = own;
const { folder } = reach;
const data = dataOf(folder);
const base = join(folder, "base");
const archive = join(folder, "archive");
const WITHIN_MS = 10_000;
/** It starts Postgres and the services several times. */
const LONG_MS = 240_000;
let postgres: Db;

beforeAll(async () => {
  // Postgres runs as another user where we are root.
  await mkdir(archive);
  await chmod(archive, 0o777);
  // One connection: a base backup is begun and ended by the same.
  postgres = await serverDb(folder);
  await command("alter system set archive_mode = on");
  await command(`alter system set archive_command = 'cp "%p" "${archive}/%f"'`);
  await platform.part("postgres").stop();
  await platform.part("postgres").start();
  await platform.ready();
});
afterAll(async () => {
  await postgres.close();
  await own.close();
});

const command = async (text: string) => void (await postgres.run({ text, values: [] }));

/** What a copy of a running server's files needs not have, or must not. */
const LEFT_OUT = /^(pg_wal|postmaster\.pid|postmaster\.opts|pgsql_tmp.*|pg_internal\.init.*)$/;

/** The files as they are, while the server goes on; with what is archived meanwhile they are whole. */
async function backUp(): Promise<void> {
  await command("select pg_backup_start('base', true)");
  await cp(data, base, { recursive: true, filter: (path) => !LEFT_OUT.test(basename(path)) });
  const { label } = await postgres.one(
    z.object({ label: z.string() }),
    sql`select labelfile as label from pg_backup_stop()`,
  );
  await mkdir(join(base, "pg_wal"), { mode: 0o700 });
  await writeFile(join(base, "backup_label"), label);
}

async function now(): Promise<string> {
  const { at } = await postgres.one(z.object({ at: z.string() }), sql`select clock_timestamp()::text as at`);
  return at;
}

/** Settles when what was written until now is in the archive. */
async function archived(): Promise<void> {
  const { name } = await postgres.one(
    z.object({ name: z.string() }),
    sql`select pg_walfile_name(pg_switch_wal()) as name`,
  );
  const isThere = () =>
    stat(join(archive, name)).then(
      () => true,
      () => false,
    );
  expect(await until(isThere, WITHIN_MS)).toBe(true);
}

/** The server dies with its files, and comes back as it was at a moment; services are down meanwhile. */
async function goBackTo(at: string): Promise<void> {
  await Promise.all(OWNERS.map(async (owner) => platform.part(owner).stop()));
  platform.part("postgres").kill("SIGKILL");
  await platform.part("postgres").stop();
  await rm(data, { recursive: true });
  // Of 2,400 files: node:fs takes five times as long.
  await output(["cp", "-R", base, data]);
  await writeFile(join(data, "recovery.signal"), "");
  const settings = {
    restore_command: `cp "${archive}/%f" "%p"`,
    recovery_target_time: at,
    recovery_target_action: "promote",
    // Nobody gets in before it is done.
    hot_standby: "off",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
  await writeFile(
    join(data, "postgresql.auto.conf"),
    (await readFile(join(data, "postgresql.auto.conf"), "utf8")) + lines.join(""),
  );
  await platform.part("postgres").start();
}

async function startServices(): Promise<void> {
  await Promise.all(OWNERS.map(async (owner) => platform.part(owner).start()));
  await platform.ready();
}

test(
  "all databases go back to one moment, with an empty broker: the books balance, and what came after can be done again once",
  async () => {
    const someone = await Person.of(somebody(), ["user"], reach);
    const admin = await Person.of(somebody(), ["admin"], reach);
    const { code } = await admin.ok(createCoupon, { coupon_type: "credit_bonus", value: 2 });
    const use = (cost: string, event_id: string) => someone.ok(trackUsage, { service: "chat", cost, event_id });
    const late = [
      allocate,
      { user_id: someone.sub, amount: "7", source: "late" },
      { "idempotency-key": somebody() },
    ] as const;
    await use("1", "first");
    await backUp();
    await someone.ok(redeemCoupon, { code });
    await use("0.5", "second");
    await becomes(someone, "5.500000000000");
    const moment = await now();

    // What comes after is lost, also what its clients were told.
    await admin.ok(...late);
    await use("0.25", "third");
    await becomes(someone, "12.250000000000");
    await platform.part("credits").stop();
    await use("0.125", "fourth");
    const isTold = async () => (await usage.run(sql`select from outbox where published_at is null`)) === 0;
    const usage = openDb({ url: reach.databaseUrls.usage, name: "e2e", poolMax: 1 });
    expect(await until(isTold, WITHIN_MS)).toBe(true);
    await usage.close();
    await archived();

    // The broker knows of the last one, and no database does.
    await goBackTo(moment);
    await startServices();
    await becomes(someone, "5.375000000000");
    expect(await audited(folder, "--repair", "--wait", "5")).toMatchObject({
      code: 1,
      broken: [2],
      text: expect.stringContaining(someone.sub) as string,
    });

    await goBackTo(moment);
    await platform.loseBrokerStore();
    await startServices();
    await becomes(someone, "5.500000000000");
    await admin.ok(...late);
    await admin.ok(...late);
    await use("0.25", "third");
    await use("1", "first");
    await someone.refused(redeemCoupon, { code });
    await becomes(someone, "12.250000000000");
    expect(await audited(folder)).toMatchObject({ code: 0 });
  },
  LONG_MS,
);

test("usage alone that goes back to before what credits knows is named, and no repair brings it back", async () => {
  const someone = await Person.of(somebody(), ["user"], reach);
  await someone.ok(trackUsage, { service: "chat", cost: "1" });
  await becomes(someone, "4.000000000000");
  await setBack(own, "usage", async () => {
    await someone.ok(trackUsage, { service: "chat", cost: "0.5" });
    await becomes(someone, "3.500000000000");
  });
  const { code, broken, text } = await audited(folder, "--repair", "--wait", "1");
  expect([code, broken]).toEqual([1, [2]]);
  expect(text).toContain(`${someone.sub}: usage charged 1, credits took 1.5`);
  await becomes(someone, "3.500000000000");
});
