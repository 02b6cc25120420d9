import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { openBus } from "@tollbooth/shared/bus";
import { allocate, getBalance } from "@tollbooth/shared/contracts/credits";
import { trackUsage, usageEventOutcomes } from "@tollbooth/shared/contracts/usage";
import type { Db } from "@tollbooth/shared/db";
import { openLog } from "@tollbooth/shared/log";
import { Streams, streams as allStreams } from "@tollbooth/shared/streams";
import { testFolder } from "@tollbooth/shared/testing/find";
import type { Finding } from "../tools/src/books.ts";
import { becomes } from "./harness/balance.ts";
import { newUser, Person, somebody } from "./harness/person.ts";
import { superuserDb } from "./harness/platform.ts";
import { npmRun, tool } from "./harness/tool.ts";

const reach = inject("platform");
const { folder: home } = reach;
const empty = await testFolder("empty");
let db: Record<"credits" | "usage", Db>;

beforeAll(async () => {
  db = { credits: await superuserDb(home, "credits"), usage: await superuserDb(home, "usage") };
});
afterAll(async () => {
  await Promise.all([db.credits.close(), db.usage.close()]);
  await empty.remove();
});

describe("npm run token", () => {
  test("prints a token that the gateway takes, and nothing else", async () => {
    const { code, out } = await npmRun(
      home,
      "token",
      "--user",
      "bob smith",
      "--role",
      "service",
      "admin",
      "--ttl",
      "5m",
    );
    expect([code, out]).toEqual([0, expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)]);
    const bob = Person.with(`Bearer ${out.trim()}`, "bob smith");
    const grant = { user_id: somebody(), amount: 1, source: "test" };
    expect(await bob.ok(allocate, grant)).toMatchObject({ balance: "6.000000000000" });
    expect(await bob.ok(getBalance)).toMatchObject({ user_id: "bob smith" });
  });

  test("is a plain user's, where no role is said", async () => {
    const { out } = await tool(home, "token");
    const { out: json } = await tool(home, "token", "--json");
    expect(JSON.parse(json)).toMatchObject({
      token: expect.stringMatching(/^ey/) as string,
      sub: "alice",
      roles: ["user"],
    });
    const alice = Person.with(`Bearer ${out.trim()}`, "alice");
    expect(await alice.ok(getBalance)).toMatchObject({ user_id: "alice" });
    const grant = { user_id: "alice", amount: 1, source: "test" };
    expect(await alice.refused(allocate, grant)).toMatchObject({ code: "forbidden" });
  });

  test("says in one sentence what it cannot do", async () => {
    const king = await tool(home, "token", "--role", "king");
    expect([king.code, king.out, king.err]).toEqual([
      1,
      "",
      expect.stringContaining("Allowed choices are user, service, admin."),
    ]);
    expect(await tool(empty.folder, "token")).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(/^There is no secret yet:.*\n$/) as string,
    });
  });
});

describe("npm run audit", () => {
  interface Broken {
    readonly says: string;
    readonly of: "credits" | "usage";
    readonly harm: string;
    readonly repair: string;
  }
  /** One within a service's books and one between them: books.int.test.ts of tools breaks every law. */
  // prettier-ignore
  const broken: readonly Broken[] = [
    { says: "every balance is the sum of its journal",          of: "credits", harm: "update user_credits set balance = balance + 1 where user_id = 'WHO'",       repair: "update user_credits set balance = balance - 1 where user_id = 'WHO'" },
    { says: "what usage charged is what credits took",          of: "usage",   harm: "update usage_days set charged = charged + 1 where user_id = 'WHO'",         repair: "update usage_days set charged = charged - 1 where user_id = 'WHO'" },
  ];

  async function someoneCharged(): Promise<Person> {
    const someone = await newUser();
    await someone.ok(trackUsage, { service: "chat", cost: "1" });
    await becomes(someone, "4.000000000000");
    return someone;
  }

  test("exits 0 and says so when the books balance", async () => {
    await someoneCharged();
    const { code, out } = await tool(home, "audit");
    expect([code, out]).toEqual([0, expect.stringContaining("The books balance.")]);
    const { out: json } = await tool(home, "audit", "--json");
    const findings = JSON.parse(json) as Finding[];
    expect(findings.length).toBeGreaterThan(15);
    expect(findings.flatMap(({ breaches }) => breaches)).toEqual([]);
  });

  test.each(broken)("exits 1 and names the user when not: $says", async ({ says, of, harm, repair }) => {
    const { sub } = await someoneCharged();
    const command = (text: string) => db[of].run({ text: text.replaceAll("WHO", sub), values: [] });
    onTestFinished(async () => void (await command(repair)));
    await command(harm);
    const { code, out } = await tool(home, "audit", "--json", "--wait", "1");
    expect(code).toBe(1);
    const found = (JSON.parse(out) as Finding[]).find((finding) => finding.says.startsWith(says));
    expect(found?.breaches.join("\n")).toContain(sub);
  });

  test("exits 0 again when the harm was repaired", async () => {
    expect(await tool(home, "audit")).toMatchObject({
      code: 0,
      out: expect.stringContaining("The books balance.") as string,
    });
  });

  test("says in one sentence that there is nothing to audit", async () => {
    expect(await tool(empty.folder, "audit")).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(/^There is no platform here yet:.*\n$/) as string,
    });
  });
});

describe.runIf(reach.natsKeys)("npm run reporter", () => {
  test("lets a service report as one source, at once", async () => {
    const { code, out } = await tool(home, "reporter", "--source", "search");
    expect([code, out]).toEqual([0, expect.stringMatching(/^search may report\.$/m)]);
    const reporter = {
      url: reach.natsUrl,
      keys: reach.natsKeys,
      name: "reporter-search",
      log: openLog("e2e", "silent"),
    };
    const search = await openBus(reporter);
    onTestFinished(() => search.close());
    const someone = await newUser();
    const report = JSON.stringify({ user_id: someone.sub, event_id: "1", service: "chat", cost: "1" });
    await new Streams(search).publish(allStreams.usageReports.name, "usage.report.search", somebody(), {}, report);
    await becomes(someone, "4.000000000000");
    const question = { source: "search", events: [{ user_id: someone.sub, event_id: "1" }] };
    expect(await search.ask(usageEventOutcomes, question)).toMatchObject([{ outcome: "applied" }]);
  });

  test("says in one sentence what it cannot do", async () => {
    const [taken, unknown] = [
      await tool(home, "reporter", "--source", "user"),
      await tool(home, "reporter", "--source", "nobody", "--remove"),
    ];
    expect([taken.code, taken.err.trim()]).toEqual([1, expect.stringContaining("belongs to Tollbooth itself")]);
    expect([unknown.code, unknown.err.trim()]).toEqual([1, "nobody could not report anyway."]);
  });
});
