import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { createCoupon, redeemCoupon } from "@tollbooth/shared/contracts/coupons";
import { getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { openDb, type Db } from "@tollbooth/shared/db";
import { until } from "@tollbooth/shared/local/condition";
import { freePort } from "@tollbooth/shared/local/ports";
import { sql, type Sql } from "@tollbooth/shared/sql";
import { Streams, streams as allStreams } from "@tollbooth/shared/streams";
import { databaseSetting, forEachOwner, OWNERS, type Owner } from "../tools/src/databases.ts";
import { audited, brokenIn, type Audited } from "./harness/audited.ts";
import { testBus } from "./harness/bus.ts";
import { scrape } from "./harness/metrics.ts";
import { Person, somebody } from "./harness/person.ts";
import { openPlatform, superuserUrl, unset } from "./harness/platform.ts";
import { setBack } from "./harness/set-back.ts";
import { startTool } from "./harness/start.ts";
import { tool, toolWith } from "./harness/tool.ts";

const own = await openPlatform("repair");
const { platform, reach } = own;
const { folder: home } = reach;
const { bus } = await testBus(reach);
const WITHIN_MS = 10_000;
const Fact = z.object({ id: z.string() });
let db: Record<Owner, Db>;

beforeAll(async () => {
  const urls = new Map(
    await Promise.all(OWNERS.map(async (owner) => [owner, await superuserUrl(home, owner)] as const)),
  );
  db = forEachOwner((owner) => openDb({ url: urls.get(owner) ?? "", name: "e2e", poolMax: 1 }));
});
afterAll(async () => {
  await Promise.all(Object.values(db).map((each) => each.close()));
  await own.close();
});

/** Something happens to a user while credits hears of nothing; its fact is at the broker then. Answers the fact's id. */
async function unheard(owner: Owner, act: () => Promise<unknown>): Promise<string> {
  const known = (await db[owner].many(Fact, sql`select event_id as id from outbox`)).map(({ id }) => id);
  await act();
  const told = sql`select event_id as id from outbox where published_at is not null and event_id <> all(${known}::uuid[])`;
  expect(await until(async () => (await db[owner].many(Fact, told)).length === 1, WITHIN_MS)).toBe(true);
  return (await db[owner].one(Fact, told)).id;
}

/** The broker loses all it has, and credits is there again. */
async function forgotten(): Promise<void> {
  await platform.loseBrokerStore();
  await platform.part("credits").start();
  await platform.ready();
}

async function coupon(): Promise<string> {
  const admin = await Person.of(somebody(), ["admin"], reach);
  const { code } = await admin.ok(createCoupon, { coupon_type: "credit_bonus", value: 2 });
  return code;
}

const use = (more: object) => (someone: Person) => someone.ok(trackUsage, { service: "chat", ...more });
const redeem = async (someone: Person) => someone.ok(redeemCoupon, { code: await coupon() });
const dropped = (id: string) => sql`delete from outbox where event_id = ${id}`;
const refused = (id: string) =>
  sql`update outbox set failed_at = now(), last_error = 'too large', published_at = null, stream_seq = null, stream_epoch = null where event_id = ${id}`;
const postponed = (id: string) =>
  sql`update outbox set attempts = 9, next_at = now() + interval '10 minutes', published_at = null, stream_seq = null, stream_epoch = null where event_id = ${id}`;

interface Harm {
  readonly name: string;
  readonly of: Owner;
  readonly act: (someone: Person) => Promise<unknown>;
  readonly harm: (id: string) => Sql;
  readonly broken: readonly number[];
  readonly did: string;
  readonly balance: string;
}

// prettier-ignore
const harms: readonly Harm[] = [
  { name: "a charge whose outbox row and message are gone",      of: "usage",   act: use({ cost: "1" }),                             harm: dropped,   broken: [2, 4],        did: "told again of events that credits never heard of",                  balance: "4.000000000000" },
  { name: "a free use whose outbox row and message are gone",    of: "usage",   act: use({ model: "a/b:free", tokens: 100 }),        harm: dropped,   broken: [4],           did: "told again of events that credits never heard of",                  balance: "5.000000000000" },
  { name: "a redemption whose outbox row and message are gone",  of: "coupons", act: redeem,                                         harm: dropped,   broken: [6],           did: "told again of redemptions that credits never heard of",             balance: "7.000000000000" },
  { name: "a charge that the broker had refused",                of: "usage",   act: use({ cost: "1" }),                             harm: refused,   broken: [2, 4, 7],     did: "made due what the broker had refused and takes now",                balance: "4.000000000000" },
  { name: "a charge that was lost often, and waits long",        of: "usage",   act: use({ cost: "1" }),                             harm: postponed, broken: [2, 4, 7],     did: "ended the wait before the next try of what the broker lost",        balance: "4.000000000000" },
];

describe("of what is lost between the services", () => {
  /** With each one's journal after the first repair. */
  let victims: readonly (Harm & { readonly someone: Person; readonly id: string; readonly lines: unknown })[];
  let before: Audited;
  let mended: Audited;
  let again: Audited;

  /** Of five people, one after the other; then one audit and one repair of it all. */
  beforeAll(async () => {
    const people = await Promise.all(
      harms.map(async (each) => ({ ...each, someone: await Person.of(somebody(), ["user"], reach) })),
    );
    for (const { someone } of people) await someone.ok(getBalance);
    await platform.part("credits").stop();
    const hurt = [];
    for (const { someone, ...each } of people) {
      const id = await unheard(each.of, () => each.act(someone));
      hurt.push({ ...each, someone, id });
    }
    for (const { of, harm, id } of hurt) expect(await db[of].run(harm(id))).toBe(1);
    await forgotten();
    before = await audited(home, "--wait", "1");
    mended = await audited(home, "--repair", "--wait", "3");
    victims = await Promise.all(
      hurt.map(async (each) => ({ ...each, lines: await each.someone.ok(listTransactions) })),
    );
    again = await audited(home, "--repair", "--wait", "3");
  });

  test.each(harms)("$name: the audit names it, a repair mends it once, a second one does nothing", async ({ name }) => {
    const victim = victims.find((each) => each.name === name);
    if (victim === undefined) throw new Error(`${name} was not done`);
    const { someone, id, of, did, broken, balance, lines } = victim;
    const names = [someone.sub, id].flatMap((text) => brokenIn(before.findings, text));
    expect([...new Set(names)].toSorted((a, b) => a - b)).toEqual(broken);
    const repairs = mended.repairs.filter(({ events }) => events.includes(id));
    expect(repairs.map((repair) => [repair.of, repair.did])).toEqual([[of, did]]);
    expect(await someone.ok(getBalance)).toMatchObject({ balance });
    expect(await someone.ok(listTransactions)).toEqual(lines);
  });

  test("nothing else is mended, and nothing twice", () => {
    // The last of them says how many wait, and not of whom.
    expect(before).toMatchObject({ code: 1, broken: [2, 4, 6, 7, 13] });
    expect(mended).toMatchObject({ code: 0, broken: [] });
    expect(mended.repairs.flatMap(({ events }) => events).toSorted()).toEqual(victims.map(({ id }) => id).toSorted());
    expect(again).toMatchObject({ code: 0, broken: [], repairs: [] });
  });
});

test("what the broker lost while nobody looked after the outbox is made due", async () => {
  const someone = await Person.of(somebody(), ["user"], reach);
  await platform.part("credits").stop();
  await unheard("usage", () => use({ cost: "1" })(someone));
  platform.part("usage").kill("SIGSTOP");
  try {
    await platform.loseBrokerStore();
    const isMade = async () =>
      new Streams(bus).ensure(allStreams.usage).then(
        () => true,
        () => false,
      );
    expect(await until(isMade, WITHIN_MS)).toBe(true);
    await platform.part("credits").start();
    const isAnswered = async () => (await someone.ask(getBalance, {})).status === 200;
    expect(await until(isAnswered, WITHIN_MS)).toBe(true);
    await db.usage.run(sql`update outbox set published_at = published_at - interval '1 minute'`);
    const repaired = await audited(home, "--repair", "--wait", "1");
    expect(repaired.repairs).toMatchObject([{ of: "usage", did: "made due what the broker lost" }]);
    expect((await audited(home, "--repair", "--wait", "1")).repairs).toEqual([]);
  } finally {
    platform.part("usage").kill("SIGCONT");
  }
  await platform.ready();
  expect(await audited(home, "--wait", "10")).toMatchObject({ code: 0, broken: [] });
  expect(await someone.ok(getBalance)).toMatchObject({ balance: "4.000000000000" });
});

test("what has its effect and lost its inbox row is told, and not driven again", async () => {
  const someone = await Person.of(somebody(), ["user"], reach);
  await someone.ok(trackUsage, { service: "chat", cost: "1" });
  await someone.ok(redeemCoupon, { code: await coupon() });
  const isApplied = async () => (await someone.ok(getBalance)).balance === "6.000000000000";
  expect(await until(isApplied, WITHIN_MS)).toBe(true);
  await audited(home, "--wait", "10");
  await db.credits.run(sql`create table aside as select * from inbox where user_id = ${someone.sub}`);
  expect(await db.credits.run(sql`delete from inbox where user_id = ${someone.sub}`)).toBe(2);
  const repaired = await audited(home, "--repair", "--wait", "1");
  expect(repaired).toMatchObject({ code: 1, broken: [4, 5, 6], repairs: [] });
  expect(repaired.text).toContain(`${someone.sub}: event`);
  expect(await someone.ok(getBalance)).toMatchObject({ balance: "6.000000000000" });
  await db.credits.run(sql`insert into inbox select * from aside`);
  await db.credits.run(sql`drop table aside`);
  expect(await audited(home, "--repair", "--wait", "1")).toMatchObject({ code: 0, broken: [], repairs: [] });
});

test("a database of credits that was set back to an earlier moment gets back what usage and coupons know of since", async () => {
  const someone = await Person.of(somebody(), ["user"], reach);
  await someone.ok(getBalance);
  const becomes = async (balance: string) =>
    until(async () => (await someone.ask(getBalance)).text.includes(`"balance":"${balance}"`), WITHIN_MS);
  await setBack(own, "credits", async () => {
    for (const cost of ["0.25", "0.5", "0.75"]) await someone.ok(trackUsage, { service: "chat", cost });
    await redeem(someone);
    expect(await becomes("5.500000000000")).toBe(true);
    expect(await audited(home, "--wait", "10")).toMatchObject({ code: 0 });
  });
  expect(await audited(home, "--wait", "1")).toMatchObject({ code: 1, broken: [2, 4, 6] });
  const { code, repairs } = await audited(home, "--repair", "--wait", "5");
  expect([code, repairs.map(({ of, events }) => [of, events.length])]).toEqual([
    0,
    [
      ["usage", 3],
      ["coupons", 1],
    ],
  ]);
  expect(await becomes("5.500000000000")).toBe(true);
});

test("a repair that was given the audit's addresses says in one sentence whose it needs", async () => {
  const settings: NodeJS.ProcessEnv = {};
  for (const owner of OWNERS) settings[databaseSetting(owner)] = reach.auditUrls[owner];
  expect(await toolWith(settings, home, "audit", "--repair", "--wait", "1")).toMatchObject({
    code: 1,
    out: "",
    err: "A repair writes to outboxes, and this role may not: give it CREDITS_DATABASE_URL as credits has it.\n",
  });
});

test("for people it says what it did, and that there is nothing to do", async () => {
  const { code, out } = await tool(home, "audit", "--repair", "--wait", "1");
  expect([code, out]).toEqual([0, expect.stringMatching(/^Nothing to repair\.\n[^]*The books balance\.\n/)]);
});

const SEEN_WITHIN_MS = 20_000;
/** All that a look at the books can tell: 8 and 12 are about what callers are told, and 13 about a time after a fault. */
const WATCHED = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11];

function watched(settings: NodeJS.ProcessEnv, ...args: string[]) {
  const env = { ...unset(), ...settings, TOLLBOOTH_HOME: home };
  const watch = startTool("audit", ["--watch", "--every", "0.2", ...args], env);
  const lines = () => watch.said().split("\n").slice(0, -1);
  return { lines, interrupt: () => void watch.process.kill("SIGINT"), ended: watch.ended };
}

test("a watch tells each round in a line and to a scraper, sits out a database that is away, and ends on Ctrl-C", async () => {
  const someone = await Person.of(somebody(), ["user"], reach);
  await someone.ok(getBalance);
  const port = await freePort();
  const watch = watched({ AUDIT_METRICS_PORT: String(port) });
  const says = (what: RegExp) => until(() => what.test(watch.lines().at(-1) ?? ""), SEEN_WITHIN_MS);
  const metrics = () => scrape(port);
  expect(await says(/^20\d\d-\S+Z ok \(\d+ laws, \d+\.\d s\)$/)).toBe(true);
  const told = await metrics();
  for (const invariant of WATCHED) expect(told).toContain(`tollbooth_audit_breaches{invariant="${invariant}",of="`);
  expect(told).not.toMatch(/^tollbooth_audit_breaches\{.*\} [1-9]/m);

  const change = (by: number) =>
    db.credits.run(sql`update user_credits set balance = balance + ${by} where user_id = ${someone.sub}`);
  await change(1);
  expect(await says(new RegExp(`BROKEN .*: #1 ${someone.sub}: balance 6`))).toBe(true);
  expect(await metrics()).toMatch(/tollbooth_audit_breaches\{invariant="1",of="credits"\} [1-9]/);
  await change(-1);
  expect(await says(/ ok /)).toBe(true);

  await platform.part("postgres").stop();
  expect(await says(/not tried: the database cannot be reached/)).toBe(true);
  await platform.part("postgres").start();
  expect(await says(/ ok /)).toBe(true);

  watch.interrupt();
  expect(await watch.ended).toBe(0);
  await expect(metrics()).rejects.toThrow("fetch failed");
});

test("a watch for programs prints an object a line", async () => {
  const watch = watched({}, "--json");
  expect(await until(() => watch.lines().length > 1, SEEN_WITHIN_MS)).toBe(true);
  const round = JSON.parse(watch.lines().at(-1) ?? "") as { at: string; findings: unknown[] };
  expect([Date.parse(round.at) > 0, round.findings.length > 20]).toEqual([true, true]);
  watch.interrupt();
  expect(await watch.ended).toBe(0);
});

test("a watch that cannot be says so in one sentence", async () => {
  const both = await tool(home, "audit", "--watch", "--repair");
  expect([both.code, both.err]).toEqual([
    1,
    expect.stringContaining("'--watch' cannot be used with option '--repair'"),
  ]);
  const never = await tool(home, "audit", "--watch", "--every", "never");
  expect([never.code, never.err]).toEqual([1, expect.stringContaining("It is a number of seconds.")]);
});
