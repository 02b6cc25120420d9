/** Every law of the audit is broken once, and the audit says which, where and at whom: to people, to programs and to a scraper. */
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { rootAt } from "@tollbooth/credits/verify";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import type { Db, Tx } from "@tollbooth/shared/db";
import { decimal } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import { testFolder } from "@tollbooth/shared/testing/find";
import { testDatabase } from "@tollbooth/shared/testing/postgres";
import { addCoupon } from "../../services/coupons/src/coupons.store.ts";
import { openRedeemer, redeem } from "../../services/coupons/src/redeeming.ts";
import { postAward } from "../../services/credits/src/awards.ts";
import { postCharge } from "../../services/credits/src/charges.ts";
import { openPoster, submit, type Poster } from "../../services/credits/src/posting.ts";
import { deduct, grant, hold, refund } from "../../services/credits/src/testing/commands.ts";
import { openUsage, plain } from "../../services/usage/src/testing/service.ts";
import { auditWhenQuiet, type Finding } from "./books.ts";
import { forEachOwner, OWNERS, type Owner } from "./databases.ts";
import { findingsTable } from "./findings.ts";
import type { Books } from "./reconcile.ts";
import { HARMS } from "./testing/harms.ts";
import { breachReadings } from "./watch-metrics.ts";

const { folder, remove } = await testFolder("roots");
afterAll(remove);
const roots = join(folder, "roots.jsonl");

const databases = new Map(await Promise.all(OWNERS.map(async (owner) => [owner, await testDatabase(owner)] as const)));
const books: Books = forEachOwner((owner) => (databases.get(owner) as { db: Db }).db);
await fillBooks();
const later = Date.now() + 60_000;
const kept = { at: new Date(later).toISOString(), ...(await rootAt(books.credits, later)) };
await appendFile(roots, `${JSON.stringify(kept)}\n`);

/** A database as a transaction sees it that is under way. */
const within = (tx: Tx): Db => ({
  ...tx,
  tx: (work) => work(tx),
  session: () => Promise.reject(new Error("a transaction has no other connection")),
  close: async () => {},
});

/** What is found while a harm is there, in a transaction that is then undone. */
async function found(to: Owner, harm: (typeof HARMS)[number]["harm"]): Promise<Finding[]> {
  let findings: Finding[] = [];
  const undone = books[to].tx(async (tx) => {
    await tx.run(sql`set transaction isolation level repeatable read`);
    // No trigger stands in the way of one who may do everything.
    await tx.run(sql`set local session_replication_role = replica`);
    await tx.run(harm);
    findings = await auditWhenQuiet({ ...books, [to]: within(tx) }, roots, 0);
    throw new Error("undone");
  });
  await expect(undone).rejects.toThrow("undone");
  return findings;
}

/** Amounts without the zeros at their ends. */
const short = (breach: string) => breach.replaceAll(/\.0{12}\b/g, "").replaceAll(/(\.\d*?[1-9])0+\b/g, "$1");

const sound = await auditWhenQuiet(books, roots, 0);

test("of what was done as it should be every law holds", () => {
  expect(sound.flatMap(({ says, breaches }) => breaches.map((breach) => `${says}: ${breach}`))).toEqual([]);
});

test.each(HARMS)(
  "$invariant of $of is found where it is broken: $law",
  async ({ invariant, law, of, to, harm, told }) => {
    const findings = await found(to, harm);
    const broken = findings.filter(({ says, breaches }) => says.startsWith(law) && breaches.length > 0);
    expect(broken).toMatchObject([{ invariant, of }]);
    expect(broken.flatMap(({ breaches }) => breaches.map(short)).join("\n")).toMatch(told);
    expect(findingsTable(findings)).toContain(`\n${invariant}: ${broken[0]?.says}:\n  ${broken[0]?.breaches[0]}`);
    const count = breachReadings({ findings }).find(
      ({ labels }) => labels["invariant"] === String(invariant) && labels["of"] === of,
    );
    expect(count?.value).toBeGreaterThan(0);
  },
);

test("each law of the audit has a harm that breaks it", () => {
  const unharmed = sound.filter(
    ({ invariant, of, says }) =>
      !HARMS.some((harm) => harm.invariant === invariant && harm.of === of && says.startsWith(harm.law)),
  );
  expect(unharmed.map(({ invariant, of, says }) => `${invariant} of ${of}: ${says}`)).toEqual([]);
});

test("the audit tries every invariant but 8 and 12, which are about what callers are told", () => {
  expect([...new Set(sound.map(({ invariant }) => invariant))]).toEqual([1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13]);
});

// ---- sound books -------------------------------------------------------------------------------------------------------

/**
 * Ann has 14.25 in three lots, of which the hold `open` holds 1, and eight lines; Bob owes 2. What usage and coupons tell is
 * applied, and nothing is on its way.
 */
async function fillBooks(): Promise<void> {
  const poster = openPoster(books.credits, { aheadMs: 0 }, () => {});
  await post(books.credits, poster);
  await use(books.usage);
  await chat(books.openrouter);
  await redeemCoupons(books.coupons);
  for (const fact of await taken(books.usage)) await postCharge(poster, fact);
  for (const fact of await taken(books.coupons)) await postAward(poster, fact);
  // Notices, on which no money hangs.
  await taken(books.credits);
}

async function post(credits: Db, poster: Poster): Promise<void> {
  const ann = (command: Parameters<typeof submit>[1]["command"]) => submit(poster, { userId: "ann", command });
  await ann(grant("10"));
  await ann(deduct("2"));
  const { id } = await credits.one(z.object({ id: z.string() }), sql`select id from credit_transactions where seq = 3`);
  await ann({ ...refund("1"), transactionId: id });
  await ann(hold("open", "1"));
  await ann(hold("done", "1"));
}

async function use(db: Db): Promise<void> {
  const usage = await openUsage(db);
  const openrouter = { sub: "openrouter", roles: ["service"] } as const;
  const chatted = { service: "chat", model: "m", tokens: 10 };
  await usage.ask(trackUsage, { ...chatted, cost: "1", event_id: "e1" }, plain("ann"));
  await usage.ask(trackUsage, { ...chatted, user_id: "ann", cost: "0.5", event_id: "e2", hold_id: "done" }, openrouter);
  await usage.ask(trackUsage, { service: "chat", model: "a/b:free", tokens: 10, event_id: "e3" }, plain("ann"));
  await usage.ask(trackUsage, { ...chatted, user_id: "ann", cost: "0.25", event_id: "chat-1" }, openrouter);
  await usage.ask(trackUsage, { ...chatted, cost: "7", event_id: "e4" }, plain("bob"));
}

async function chat(openrouter: Db): Promise<void> {
  await openrouter.run(
    sql`insert into routed_requests (user_id, request_id, model, asked_by, state, payer, is_free, answered_at, report, recorded_at)
        values ('ann', 'chat-1', 'm', 'test', 'recorded', 'byok', false, now(), '{}', now())`,
  );
}

async function redeemCoupons(coupons: Db): Promise<void> {
  const redeemer = openRedeemer(coupons, () => {});
  for (const [code, type] of [
    ["BONUS", "credit_bonus"],
    ["FIXED", "fixed_discount"],
  ] as const) {
    const more = { description: null, maxUses: 2, expiresAt: null, createdBy: "test" };
    await addCoupon(coupons, { code, type, value: decimal(2), ...more });
    await redeem(redeemer, { code, userId: "ann", metadata: {} });
  }
}

/** Takes what waits in an outbox, in its order, as a relay and a confirmer would. */
async function taken(db: Db): Promise<unknown[]> {
  const Row = z.object({ payload: z.unknown() });
  const rows = await db.many(Row, sql`select payload from outbox order by id`);
  await db.run(sql`delete from outbox`);
  return rows.map(({ payload }) => payload);
}
