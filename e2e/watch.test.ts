import { afterAll, expect, test } from "vitest";
import { getBalance } from "@tollbooth/shared/contracts/credits";
import { until } from "@tollbooth/shared/local/condition";
import { freePort } from "@tollbooth/shared/local/ports";
import { sql } from "@tollbooth/shared/sql";
import { scrape } from "./harness/metrics.ts";
import { Person, somebody } from "./harness/person.ts";
import { openPlatform, superuserDb, unset } from "./harness/platform.ts";
import { startTool } from "./harness/start.ts";
import { tool } from "./harness/tool.ts";

const own = await openPlatform("watch");
afterAll(() => own.close());
const { platform, reach, folder: home } = own;
const WITHIN_MS = 20_000;
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
  const says = (what: RegExp) => until(() => what.test(watch.lines().at(-1) ?? ""), WITHIN_MS);
  const metrics = () => scrape(port);
  expect(await says(/^20\d\d-\S+Z ok \(\d+ laws, \d+\.\d s\)$/)).toBe(true);
  const told = await metrics();
  for (const invariant of WATCHED) expect(told).toContain(`tollbooth_audit_breaches{invariant="${invariant}",of="`);
  expect(told).not.toMatch(/^tollbooth_audit_breaches\{.*\} [1-9]/m);

  const db = await superuserDb(home, "credits");
  const change = (by: number) =>
    db.run(sql`update user_credits set balance = balance + ${by} where user_id = ${someone.sub}`);
  await change(1);
  expect(await says(new RegExp(`BROKEN .*: #1 ${someone.sub}: balance 6`))).toBe(true);
  expect(await metrics()).toMatch(/tollbooth_audit_breaches\{invariant="1",of="credits"\} [1-9]/);
  await change(-1);
  await db.close();
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
  expect(await until(() => watch.lines().length > 1, WITHIN_MS)).toBe(true);
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
