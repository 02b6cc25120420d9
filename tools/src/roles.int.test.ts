import { afterAll, expect, inject, test } from "vitest";
import { z } from "zod";
import { laws } from "@tollbooth/credits/laws";
import { openDb, type Db } from "@tollbooth/shared/db";
import { breachesOf, type Law } from "@tollbooth/shared/law";
import { migrate } from "@tollbooth/shared/migrate";
import { sql } from "@tollbooth/shared/sql";
import { urlOf } from "@tollbooth/shared/testing/postgres";
import { databaseUrlsOf, forEachOwner, OWNERS, rolesOf, type Owner } from "./databases.ts";
import { makeDatabases } from "./roles.ts";
import { testRoles } from "./testing/roles.ts";

const { postgresUrl } = inject("servers");
const { urls, prefix, passwords } = await testRoles();
const open = (url: string) => {
  const db = openDb({ url, name: "test", poolMax: 1 });
  afterAll(() => db.close());
  return db;
};
const service = forEachOwner((owner) => open(urls.databaseUrls[owner]));
const audit = forEachOwner((owner) => open(urls.auditUrls[owner]));

function superuserOf(owner: Owner): string {
  return urlOf(postgresUrl, rolesOf(owner, prefix).database);
}

/** What Postgres says to a statement; "done" where it does it. */
function told(db: Db, text: string): Promise<string> {
  return db.run({ text, values: [] }).then(
    () => "done",
    (error: Error) => error.message,
  );
}

// prettier-ignore
const refused: { of: Owner; what: string; by?: RegExp }[] = [
  { of: "credits", what: "update credit_transactions set amount = 1" },
  { of: "credits", what: "delete from credit_transactions" },
  { of: "credits", what: "truncate credit_transactions cascade" },
  { of: "credits", what: "alter table credit_transactions disable trigger all",                                     by: /must be owner/ },
  { of: "credits", what: "drop trigger credit_transactions_append_only on credit_transactions",                     by: /must be owner/ },
  { of: "credits", what: "create or replace function refuse_change() returns trigger language sql as 'select null'", by: /permission denied|must be owner/ },
  { of: "credits", what: "alter table credit_transactions owner to current_user",                                   by: /must be owner/ },
  { of: "credits", what: "set session_replication_role = replica" },
  { of: "credits", what: "set role OWNER" },
  { of: "credits", what: "create table mine (n int)" },
  { of: "credits", what: "create temporary table mine (n int)" },
  { of: "credits", what: "create schema mine" },
  { of: "credits", what: "drop table credit_lots cascade",                                                          by: /must be owner/ },
  { of: "credits", what: "alter table credit_lots add column mine int",                                             by: /must be owner/ },
  { of: "credits", what: "alter table credit_lots drop constraint credit_lots_remaining_check",                     by: /must be owner/ },
  { of: "credits", what: "create index mine on credit_lots (kind)",                                                 by: /must be owner/ },
  { of: "credits", what: "create role mine" },
  { of: "credits", what: "alter role OWNER login",                                                                  by: /permission denied/ },
  { of: "credits", what: "update tiers set price_monthly = 0" },
  { of: "credits", what: "delete from user_credits" },
  { of: "credits", what: "update period_charges set due = 0" },
  { of: "credits", what: "delete from migrations" },
  { of: "usage",   what: "update prices set class = 'free'" },
  { of: "usage",   what: "update price_rates set price = 0" },
  { of: "usage",   what: "update usage_events set charged = 0" },
  { of: "usage",   what: "drop table usage_events_default",                                                         by: /must be owner/ },
  { of: "usage",   what: "alter table usage_events detach partition usage_events_default",                          by: /must be owner/ },
  { of: "usage",   what: "select make_usage_month('2026-03-02')",                                                   by: /a month does not begin/ },
  { of: "coupons", what: "update coupon_redemptions set credits_awarded = 1" },
  { of: "coupons", what: "delete from coupon_codes" },
  { of: "coupons", what: "update active_coupons set value = 1" },
];

test.each(refused)("a running $of service is refused: $what", async ({ of, what, by = /permission denied/ }) => {
  expect(await told(service[of], what.replace("OWNER", rolesOf(of, prefix).owner))).toMatch(by);
});

// prettier-ignore
const TABLES = sql`select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1`;

test.each(OWNERS)(
  "the audit's role at %s reads every table and view, and can write none, whatever it sets",
  async (owner) => {
    const db = audit[owner];
    const tables = await db.many(z.object({ name: z.string() }), TABLES);
    expect(tables.length).toBeGreaterThan(5);
    for (const { name } of tables) {
      expect(await told(db, `select * from ${name} limit 1`)).toBe("done");
      for (const write of [`delete from ${name}`, `insert into ${name} default values`, `truncate ${name}`])
        expect(await told(db, write)).toMatch(/permission denied|read-only transaction/);
    }
    const stubborn = new URL(urls.auditUrls[owner]);
    stubborn.searchParams.set("options", "-c default_transaction_read_only=off");
    const writer = open(stubborn.href);
    for (const { name } of tables) expect(await told(writer, `delete from ${name}`)).toMatch(/permission denied/);
  },
);

test("the audit's role can neither make nor drop a month", async () => {
  for (const what of ["make", "drop"])
    expect(await told(audit.usage, `select ${what}_usage_month('2026-03-01')`)).toMatch(/permission denied/);
});

test("a running service makes and drops the months of its events", async () => {
  expect(await told(service.usage, "select make_usage_month('2020-12-01')")).toBe("done");
  expect(await told(service.usage, "select drop_usage_month('2020-12-01')")).toBe("done");
});

test.each(OWNERS)("no role of %s enters another's database, nor postgres", async (owner) => {
  const others = [
    ...OWNERS.filter((other) => other !== owner).map((other) => rolesOf(other, prefix).database),
    "postgres",
  ];
  for (const url of [urls.databaseUrls[owner], urls.auditUrls[owner]]) {
    for (const database of others) {
      const there = new URL(url);
      there.pathname = `/${database}`;
      expect(await told(open(there.href), "select 1")).toMatch(/permission denied for database/);
    }
  }
});

// prettier-ignore
test.each([
  { harm: "alter table credit_transactions disable trigger credit_transactions_append_only", named: "trigger credit_transactions_append_only is off or gone" },
  { harm: "drop trigger credit_transactions_no_truncate on credit_transactions",             named: "trigger credit_transactions_no_truncate is off or gone" },
  { harm: "grant delete on credit_transactions to SERVICE",                                  named: "SERVICE may delete" },
  { harm: "grant truncate on credit_transactions to public",                                 named: "everybody may truncate" },
])("law 9 of credits names who could change the journal: $harm", async ({ harm, named }) => {
  const law = laws.find(({ invariant }) => invariant === 9) as Law;
  const written = (text: string) => text.replace("SERVICE", rolesOf("credits", prefix).service);
  const superuser = open(superuserOf("credits"));
  expect(await breachesOf(audit.credits, law)).toEqual([]);
  await superuser
    .tx(async (tx) => {
      await tx.run({ text: written(harm), values: [] });
      expect(await breachesOf(tx, law)).toEqual([written(named)]);
      throw new Error("undo");
    })
    .catch((error: Error) => expect(error.message).toBe("undo"));
});

test("nobody logs in as the owner of a database", async () => {
  for (const owner of OWNERS) {
    const url = new URL(urls.databaseUrls[owner]);
    url.username = rolesOf(owner, prefix).owner;
    expect(await told(open(url.href), "select 1")).toMatch(/password authentication failed|not permitted to log in/);
  }
});

test("a database that its service owned until now is handed over whole, with what is in it", async () => {
  const { database, owner, service: role } = rolesOf("coupons", prefix);
  const superuser = open(superuserOf("coupons"));
  for (const back of [`alter database ${database} owner to ${role}`, `reassign owned by ${owner} to ${role}`])
    expect(await told(superuser, back)).toBe("done");
  expect(await told(service.coupons, "create table before (n int)")).toBe("done");

  expect(await makeDatabases(postgresUrl, passwords, prefix)).toEqual(databaseUrlsOf(postgresUrl, passwords, prefix));
  expect(await told(service.coupons, "insert into before values (1)")).toBe("done");
  expect(await told(service.coupons, "drop table before")).toMatch(/must be owner/);
  expect(await told(service.coupons, "create table after (n int)")).toMatch(/permission denied/);
});

test("where a role may not change its database, code that is newer says who can", async () => {
  const superuser = open(superuserOf("coupons"));
  await superuser.run(sql`create table set_aside as select * from migrations where name like '0002%'`);
  await superuser.run(sql`delete from migrations where name like '0002%'`);
  await expect(migrate(service.coupons, "services/coupons/migrations")).rejects.toThrow(
    /^the database is older than this code, and this role may not change it: its owner applies 0002_coupons\.sql/,
  );
  await superuser.run(sql`insert into migrations select * from set_aside`);
  await migrate(service.coupons, "services/coupons/migrations");
  await superuser.run(sql`drop table set_aside`);
});

test("code of the version before leaves what a newer one has granted, and code that knows all grants anew", async () => {
  const superuser = open(superuserOf("coupons"));
  expect(await told(superuser, "create table tomorrow (n int)")).toBe("done");
  expect(await told(superuser, `alter table tomorrow owner to ${rolesOf("coupons", prefix).owner}`)).toBe("done");
  await superuser.run(sql`insert into migrations (name, sha256) values ('9999_tomorrow.sql', '')`);
  await makeDatabases(postgresUrl, passwords, prefix);
  expect(await told(service.coupons, "select from tomorrow")).toMatch(/permission denied/);
  await superuser.run(sql`delete from migrations where name = '9999_tomorrow.sql'`);
  await makeDatabases(postgresUrl, passwords, prefix);
  expect(await told(service.coupons, "select from tomorrow")).toBe("done");
  expect(await told(superuser, "drop table tomorrow")).toBe("done");
});
