import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { explainTransaction, listTransactions } from "@tollbooth/shared/contracts/credits";
import { openDb } from "@tollbooth/shared/db";
import { until } from "@tollbooth/shared/local/condition";
import { decimal, print, round12, sum } from "@tollbooth/shared/money";
import { sql } from "@tollbooth/shared/sql";
import { testFolder } from "@tollbooth/shared/testing/find";
import { ROOT } from "../tools/src/checkout.ts";
import { Platform } from "../tools/src/platform.ts";
import { Person } from "./harness/person.ts";
import { signingIn } from "./harness/platform.ts";
import { processesOf } from "./harness/start.ts";

/** From nothing: Postgres, the broker, the services, 300 events and the audit. */
const DEMO_MS = 120_000;

const { folder: home, remove } = await testFolder("demo");
afterAll(remove);

/** Starts the demo in a folder of its own. */
function startDemo(...args: string[]) {
  const { NATS_URL: _nats, CREDITS_DATABASE_URL: _credits, USAGE_DATABASE_URL: _usage, ...env } = process.env;
  const child = spawn(process.execPath, [join(ROOT, "tools/dist/demo.js"), ...args], {
    env: { ...env, TOLLBOOTH_HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, said: () => said, ended };
}

/** Runs the demo to its end; answers its exit code and all that it said. */
async function demo(...args: string[]): Promise<{ code: number | null; said: string }> {
  const { said, ended } = startDemo(...args);
  const code = await ended;
  return { code, said: said() };
}

/** What it says that it sent and that was recorded: events, prompt and completion tokens. */
function sumsIn(said: string): { sent: number[]; recorded: number[] } {
  const line = (name: string) => new RegExp(`^${name} +(.*)$`, "m").exec(said)?.[1] ?? "";
  const numbers = (text: string) =>
    [...text.matchAll(/\d[\d,]*(?= )/g)].map(([each]) => Number(each.replaceAll(",", "")));
  return { sent: numbers(line("Sent")), recorded: numbers(line("Recorded")) };
}

/** Every charge of three statements leads down to its price row, and is what that row and the markup rule make of it. */
async function explainStatements({ gatewayUrl }: Platform, said: string): Promise<void> {
  const reach = { gatewayUrl, signing: await signingIn(home) };
  const names = [...said.matchAll(/^(\w+-7-\w+) +granted: /gm)].map(([, name = ""]) => name);
  const users = await Promise.all(names.map(async (name) => Person.of(name, ["user"], reach)));
  const statements = await Promise.all(
    users.map(async (user) => ({ user, lines: await user.ok(listTransactions, { transaction_type: "usage" }) })),
  );
  const charged = statements.filter(({ lines }) => lines.length > 0).slice(0, 3);
  expect(charged).toHaveLength(3);
  for (const { user, lines } of charged) {
    for (const { id, amount } of lines) {
      const { usage, draws } = await user.ok(explainTransaction, { id });
      const rate = (unit: string) => {
        const found = usage?.price?.rates.find((each) => each.unit === unit && each.above_tokens === undefined);
        return decimal(found?.price ?? "NaN");
      };
      const provider = rate("input_token")
        .times(usage?.input_tokens ?? 0)
        .plus(rate("output_token").times(usage?.output_tokens ?? 0));
      const total = round12(provider.times(decimal(usage?.markup_rate ?? "NaN").plus(1)));
      expect([usage?.provider_cost, usage?.total_cost]).toEqual([print(round12(provider)), print(total)]);
      expect(amount).toBe(print(total.neg()));
      expect(print(sum(draws.map((draw) => decimal(draw.amount))))).toBe(amount);
    }
  }
}

test(
  "the demo makes a platform, shows that nothing is lost or doubled, also where time ends two periods of every user, and leaves no process",
  async () => {
    const { code, said } = await demo("--events", "300", "--seed", "7", "--fast-forward", "40d");
    expect(said).toContain("Nothing lost, nothing doubled, and the books balance: 300 events");
    expect(code).toBe(0);
    const { sent, recorded } = sumsIn(said);
    expect(sent[0]).toBe(300);
    expect(recorded).toEqual(sent);
    expect(said.match(/^\w+-7-\w+ +granted: /gm)).toHaveLength(24);
    const [, ofGia = ""] = /^gia-7-\w+ .*\n([^]*?)= balance/m.exec(said) ?? [];
    expect(ofGia).toMatch(/by the platform's key +\d+ +[\d,]+ +0\.\d{12} +-0\.\d{12}\n/);
    expect(ofGia).toMatch(/by own key, worth 0\.\d+ +\d+ +[\d,]+ +0 +0\n/);
    const [, , later = ""] = said.split(/^\d+ days later:$/m);
    expect(later.match(/^\w+-7-\w+ +2 /gm)).toHaveLength(24);
    expect(processesOf(home)).toEqual([]);
  },
  DEMO_MS,
);

test(
  "a trace is replayed whole on the platform that runs already, every charge leads down to its price row, and books that do not balance are told",
  async () => {
    const platform = await Platform.start({ folder: home, fsync: false });
    onTestFinished(async () => platform.stop());
    const trace = join(home, "trace.csv");
    const lines = Array.from(
      { length: 60 },
      (_, i) => `2023-11-16 18:15:${String(i).padStart(2, "0")}.5,${1000 + i},9`,
    );
    await writeFile(trace, ["TIMESTAMP,ContextTokens,GeneratedTokens", ...lines].join("\r\n"));

    const first = await demo("--trace", trace, "--seed", "7");
    expect(first.said).toContain("the platform that runs in this checkout");
    expect(sumsIn(first.said).recorded).toEqual([60, 60 * 1000 + (60 * 59) / 2, 60 * 9]);
    expect(first.code).toBe(0);
    await platform.ready(0);
    await explainStatements(platform, first.said);

    const credits = openDb({ url: platform.databaseUrls.credits, name: "e2e", poolMax: 1 });
    await credits.run(
      sql`delete from inbox where (user_id, event_id) = (select user_id, substr(key, 7)::uuid from credit_transactions
          where transaction_type = 'usage' and key like 'event:%' limit 1)`,
    );
    await credits.close();
    const second = await demo("--events", "30");
    expect(second.said).toMatch(/WRONG: each of \d+ events was applied: not so: /);
    expect(second.said).toContain("Exit code 1.");
    expect(second.code).toBe(1);
  },
  2 * DEMO_MS,
);

test(
  "whoever ends the demo ends the platform that it has started",
  async () => {
    const { child, said, ended } = startDemo("--events", "5000", "--speed", "5");
    expect(await until(() => said().includes("sent twice on purpose"), DEMO_MS)).toBe(true);
    child.kill("SIGTERM");
    expect(await ended).toBe(1);
    expect(said()).toContain("Stopping ...");
    expect(processesOf(home)).toEqual([]);
  },
  DEMO_MS,
);

test("an unknown option or a wrong number is told in one sentence", async () => {
  const { code, said } = await demo("--events", "many");
  expect(code).toBe(1);
  expect(said).toContain("It is a whole number from 1.");
});
