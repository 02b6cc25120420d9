/** What an operator does with messages that could not be applied; nobody else on this platform leaves one waiting. */
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { z } from "zod";
import { getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { setPrice } from "@tollbooth/shared/contracts/prices";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import type { Db } from "@tollbooth/shared/db";
import { LETTER_WAITS } from "@tollbooth/shared/dead-letters";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import { Streams, streams as allStreams } from "@tollbooth/shared/streams";
import { testFolder } from "@tollbooth/shared/testing/find";
import { becomes } from "./harness/balance.ts";
import { ADMIN, testBus } from "./harness/bus.ts";
import { newUser, somebody } from "./harness/person.ts";
import { superuserDb } from "./harness/platform.ts";
import { tool } from "./harness/tool.ts";

const { folder: home } = inject("platform");
const empty = await testFolder("empty");
const { bus } = await testBus();
const WITHIN_MS = 10_000;
let db: Record<"credits" | "usage", Db>;

beforeAll(async () => {
  db = { credits: await superuserDb(home, "credits"), usage: await superuserDb(home, "usage") };
});
afterAll(async () => {
  await Promise.all([db.credits.close(), db.usage.close()]);
  await empty.remove();
});

/** Lets credits' database refuse a service's charges until they are taken again, or the test has ended. */
async function refuse(service: string): Promise<{ takeAgain: () => Promise<void> }> {
  const alter = (how: string) => db.credits.run({ text: `alter table credit_transactions ${how}`, values: [] });
  const takeAgain = async () => void (await alter("drop constraint if exists no_poison"));
  onTestFinished(takeAgain);
  await alter(`add constraint no_poison check (service <> '${service}') not valid`);
  return { takeAgain };
}

/** Settles when so many letters wait. */
async function wait(count: number): Promise<void> {
  const waiting = sql`select from dead_letters where ${LETTER_WAITS}`;
  const isSo = async () => (await db.usage.run(waiting)) + (await db.credits.run(waiting)) === count;
  expect(await until(isSo, WITHIN_MS)).toBe(true);
}

describe("npm run dlq", () => {
  test("shows a report without a price, and drives it again when it has one", async () => {
    // Whoever shares this platform has put away what he left.
    await wait(0);
    const [someone, source, model] = [await newUser(), somebody("reporter"), somebody("model")];
    const body = JSON.stringify({ user_id: someone.sub, event_id: "e1", service: "chat", model, input_tokens: 1000 });
    const { name } = allStreams.usageReports;
    await new Streams(bus).publish(name, `usage.report.${source}`, somebody("message"), {}, body);
    const letters = async () =>
      JSON.parse((await tool(home, "dlq", "list", "--json")).out) as { id: string; service: string; subject: string }[];
    await wait(1);
    const [letter] = await letters();
    expect(letter).toMatchObject({ service: "usage", subject: `usage.report.${source}`, body });
    const named = `usage/${letter?.id}`;

    const listed = await tool(home, "dlq");
    expect(listed.code).toBe(0);
    for (const word of [named, `usage.report.${source}`, "no price is known", "1 waiting"])
      expect(listed.out).toContain(word);
    const shown = await tool(home, "dlq", "show", named);
    expect([shown.code, shown.out]).toEqual([0, expect.stringContaining(`\n\n${body}\n`)]);
    expect(await tool(home, "dlq", "redrive", named)).toMatchObject({
      code: 1,
      out: expect.stringContaining(`${named} refused: no price is known`) as string,
    });

    await bus.ask(setPrice, { service: "chat", model, rates: [{ unit: "input_token", price: "0.001" }] }, ADMIN);
    expect(await tool(home, "dlq", "redrive", "--all")).toMatchObject({ code: 0, out: `${named} recorded\n` });
    await becomes(someone, "3.850000000000");
    expect(await tool(home, "dlq")).toMatchObject({ code: 0, out: "No dead letter waits.\n" });
    expect(await tool(home, "dlq", "redrive", named)).toMatchObject({ code: 1, out: `${named} unknown\n` });
  });

  test("shows a charge that could not be posted, and posts it once when it can", async () => {
    const [someone, poison] = [await newUser(), somebody("service")];
    await someone.ok(getBalance);
    const { takeAgain } = await refuse(poison);
    const { id } = await someone.ok(trackUsage, { service: poison, cost: "1" });
    const letters = async () =>
      JSON.parse((await tool(home, "dlq", "--json")).out) as { id: string; service: string; headers: object }[];
    await wait(1);
    const [letter] = await letters();
    expect(letter).toMatchObject({ service: "credits", subject: "usage.tracked", headers: { "ce-id": id } });
    const audited = await tool(home, "audit", "--wait", "1");
    expect([audited.code, audited.out]).toEqual([
      1,
      expect.stringContaining(`credits: dead letter ${letter?.id} on usage.tracked`),
    ]);

    const named = `credits/${letter?.id}`;
    expect(await tool(home, "dlq", "redrive", named)).toMatchObject({
      code: 1,
      out: expect.stringContaining(`${named} refused: `) as string,
    });
    await takeAgain();
    const driven = await tool(home, "dlq", "redrive", named, "--json");
    expect([driven.code, JSON.parse(driven.out)]).toEqual([
      0,
      [{ service: "credits", id: letter?.id, status: "recorded" }],
    ]);
    await becomes(someone, "4.000000000000");
    expect(await someone.ok(listTransactions, { transaction_type: "usage" })).toHaveLength(1);
    expect((await tool(home, "audit")).code).toBe(0);
  });

  test("puts away what can never be applied, with who and why, and the audit is at peace", async () => {
    const [someone, poison] = [await newUser(), somebody("service")];
    await someone.ok(getBalance);
    const { takeAgain } = await refuse(poison);
    await someone.ok(trackUsage, { service: poison, cost: "1" });
    const { name } = allStreams.usageReports;
    await new Streams(bus).publish(name, `usage.report.${poison}`, somebody("message"), {}, "nonsense");
    const letters = async () =>
      JSON.parse((await tool(home, "dlq", "--json")).out) as { id: string; service: string }[];
    await wait(2);
    const named = (await letters()).map(({ id, service }) => `${service}/${id}`);
    expect((await tool(home, "audit", "--wait", "1")).code).toBe(1);

    const put = await tool(home, "dlq", "discard", ...named, "--reason", "a test of ours", "--by", "ann");
    expect([put.code, put.out]).toEqual([0, named.map((each) => `${each} discarded\n`).join("")]);
    expect(await letters()).toEqual([]);
    expect((await tool(home, "audit")).code).toBe(0);
    for (const owner of ["usage", "credits"] as const)
      expect(
        await db[owner].many(
          z.object({ by: z.string(), why: z.string() }),
          sql`select discarded_by as by, discarded_for as why from dead_letters where discarded_by = 'ann'`,
        ),
      ).toEqual([{ by: "ann", why: "a test of ours" }]);

    await takeAgain();
    for (const again of ["redrive", "discard"]) {
      const args = again === "discard" ? ["--reason", "again"] : [];
      expect(await tool(home, "dlq", again, ...named, ...args)).toMatchObject({
        code: 1,
        out: named.map((each) => `${each} unknown\n`).join(""),
      });
    }
    expect((await someone.ok(getBalance)).balance).toBe("5.000000000000");
  });

  test("says in one sentence what it cannot do", async () => {
    const sentence = async (folder: string, ...args: string[]) => {
      const { code, out, err } = await tool(folder, "dlq", ...args);
      return `${code} ${out}${err}`;
    };
    // At the same time: each is a program that has to load first.
    expect(
      await Promise.all([
        sentence(home, "redrive"),
        sentence(home, "redrive", "usage/1", "--all"),
        sentence(home, "redrive", "nonsense"),
        sentence(home, "show", "usage/999"),
        sentence(empty.folder),
        sentence(home, "discard", "usage/1"),
        sentence(home, "--help"),
      ]),
    ).toEqual([
      "1 Name the letters to drive again, or say --all.\n",
      "1 Name the letters to drive again, or say --all.\n",
      "1 A letter is named usage/7 or credits/7.\n",
      "1 usage/999 does not wait: it never was, was driven again, or put away.\n",
      expect.stringMatching(/^1 There is no platform here yet:/),
      expect.stringContaining("required option '--reason <text>' not specified"),
      expect.stringMatching(/^0 .*list.*show.*redrive/s),
    ]);
  });
});
