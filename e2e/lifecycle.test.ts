import { readFile } from "node:fs/promises";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { commands } from "@tollbooth/shared/contracts/all";
import { createCoupon, redeemCoupon } from "@tollbooth/shared/contracts/coupons";
import { deduct, explainTransaction, getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { listTiers } from "@tollbooth/shared/contracts/tiers";
import { trackUsage, usageSummary } from "@tollbooth/shared/contracts/usage";
import { until } from "@tollbooth/shared/local/condition";
import { sql } from "@tollbooth/shared/sql";
import type { Part } from "../tools/src/platform.ts";
import { logOf, SERVICES, type Service } from "../tools/src/service.ts";
import { refusalsIn } from "../tools/src/testing/refusals.ts";
import type { Answer, Problem } from "./harness/answer.ts";
import { breaches } from "./harness/books.ts";
import { Person, somebody, visit } from "./harness/person.ts";
import { openPlatform, superuserDb } from "./harness/platform.ts";

const own = await openPlatform("lifecycle");
afterAll(() => own.close());
const { platform, reach } = own;
const WITHIN_MS = 10_000;

/** Each test finds everything at work; readiness may be a second old. */
afterEach(async () => {
  const someone = await user();
  await until(() => isAnswered(someone), WITHIN_MS);
});

function user(...roles: ("user" | "service" | "admin")[]): Promise<Person> {
  return Person.of(somebody(), roles.length === 0 ? ["user"] : roles, reach);
}

/** The status, the code, and when to try again. */
function told({ status, json, headers }: Answer): string {
  return `${status} ${(json as Problem).code} ${headers.get("retry-after")}`;
}

async function health(): Promise<{ status: number; parts: Record<string, string>; retryAfter: string | null }> {
  const answer = await visit("/health/ready", reach);
  const { parts } = answer.json as { parts: Record<string, string> };
  return { status: answer.status, parts, retryAfter: answer.headers.get("retry-after") };
}

/** Ends a part for good, then does something, then starts it again. */
async function without(part: Part, work: () => Promise<void>): Promise<void> {
  await platform.part(part).stop();
  try {
    await work();
  } finally {
    await platform.part(part).start();
  }
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return Math.round(performance.now() - begin);
}

test.each(["credits", "usage", "gateway", "nats", "postgres"] as const)(
  "%s is started again when it was killed",
  async (name) => {
    const someone = await user();
    await someone.ok(trackUsage, { service: "chat", cost: "1" });
    const { pid } = platform.part(name);
    const isBack = () => platform.part(name).pid !== undefined && platform.part(name).pid !== pid;
    const took = await milliseconds(async () => {
      platform.part(name).kill("SIGKILL");
      await until(isBack, WITHIN_MS);
      await until(async () => isAnswered(someone), WITHIN_MS);
    });
    console.log(`${name}: killed, and the platform does all its work again after ${took} ms`);
    expect(isBack()).toBe(true);
    expect(await until(async () => (await someone.ask(getBalance)).text.includes('"4.000000000000"'), WITHIN_MS)).toBe(
      true,
    );
  },
);

/** Whether both services answer a user. */
async function isAnswered(someone: Person): Promise<boolean> {
  const answers = [getBalance, usageSummary].map((read) =>
    someone.ask(read).then(
      ({ status }) => status,
      () => 0,
    ),
  );
  return (await Promise.all(answers)).every((status) => status === 200);
}

describe("while a part is away, who needs it is told so at once and when to try again:", () => {
  test("credits, and usage is recorded all the same and charged later", async () => {
    const [someone, reporter] = [await user(), await user("service")];
    await someone.ok(getBalance);
    await without("credits", async () => {
      expect(told(await someone.ask(getBalance))).toBe("503 unavailable 1");
      expect(told(await someone.ask(listTransactions))).toBe("503 unavailable 1");
      expect(told(await someone.ask(listTiers))).toBe("503 unavailable 1");
      expect(told(await reporter.ask(deduct, { user_id: someone.sub, amount: 1, service: "x" }))).toBe(
        "503 unavailable 1",
      );
      await someone.ok(trackUsage, { service: "chat", cost: "1" });
      expect(await someone.ok(usageSummary)).toMatchObject({ total_events: 1 });
      expect(await until(async () => (await health()).status === 503, WITHIN_MS)).toBe(true);
      const { status, parts, retryAfter } = await health();
      expect([status, retryAfter]).toEqual([503, "1"]);
      expect(Object.keys(parts).toSorted()).toEqual(["broker", ...Object.keys(commands)].toSorted());
      expect(Object.keys(parts).filter((part) => parts[part] !== "up")).toEqual(["credits"]);
    });
    await platform.ready();
    expect(await until(async () => (await someone.ok(getBalance)).balance === "4.000000000000", WITHIN_MS)).toBe(true);
  });

  test("usage, and credits go on", async () => {
    const someone = await user();
    await without("usage", async () => {
      expect(told(await someone.ask(trackUsage, { service: "chat", cost: "1" }))).toBe("503 unavailable 1");
      expect(told(await someone.ask(usageSummary))).toBe("503 unavailable 1");
      expect(await someone.ok(getBalance)).toMatchObject({ balance: "5.000000000000" });
    });
  });

  test("the broker", async () => {
    const someone = await user();
    await without("nats", async () => {
      expect(await until(async () => (await health()).parts["broker"] === "down", WITHIN_MS)).toBe(true);
      expect(told(await someone.ask(getBalance))).toBe("503 unavailable 1");
      expect(told(await someone.ask(trackUsage, { service: "chat", cost: "1" }))).toBe("503 unavailable 1");
      expect((await visit("/health/live", reach)).status).toBe(200);
      expect((await someone.send("GET", "/nothing")).status).toBe(404);
    });
    await platform.ready();
    expect(await until(async () => (await someone.ask(getBalance)).status === 200, WITHIN_MS)).toBe(true);
  });

  test("the database", async () => {
    const someone = await user();
    await without("postgres", async () => {
      for (const command of [getBalance, listTransactions, usageSummary])
        expect(told(await someone.ask(command))).toBe("503 unavailable 1");
      expect(told(await someone.ask(trackUsage, { service: "chat", cost: "1" }))).toBe("503 unavailable 1");
    });
    expect(await until(async () => (await someone.ask(getBalance)).status === 200, WITHIN_MS)).toBe(true);
    await someone.ok(trackUsage, { service: "chat", cost: "1" });
  });
});

test("a service that stands still is 504 in time, and the same key tells what became of it", async () => {
  await platform.restart("gateway", { REQUEST_TIMEOUT_MS: "700" });
  await platform.ready();
  const [someone, reporter] = [await user(), await user("service")];
  await someone.ok(getBalance);
  const [request, key] = [{ user_id: someone.sub, amount: 1, service: "x" }, { "idempotency-key": "k" }];
  platform.part("credits").kill("SIGSTOP");
  const took = await milliseconds(async () => {
    expect(told(await reporter.ask(deduct, request, key))).toBe("504 timeout 1");
  });
  platform.part("credits").kill("SIGCONT");
  expect(took).toBeLessThan(5_000);
  await until(async () => (await reporter.ask(deduct, request, key)).status === 200, WITHIN_MS);
  expect(await reporter.ok(deduct, request, key)).toMatchObject({ balance: "4.000000000000" });
  expect(await someone.ok(getBalance)).toMatchObject({ balance: "4.000000000000" });
  await platform.restart("gateway");
});

test("a user who asks too much is told when to go on; services and admins are not counted", async () => {
  await platform.restart("gateway", { RATE_LIMIT_USER: "5", RATE_LIMIT_WINDOW_S: "60" });
  await platform.ready();
  const [someone, other, reporter, root] = [await user(), await user(), await user("service"), await user("admin")];
  for (let asked = 1; asked <= 5; asked++) await someone.ok(getBalance);
  const refused = await someone.ask(getBalance);
  expect([refused.status, (refused.json as Problem).code]).toEqual([429, "rate_limited"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  await other.ok(getBalance);
  for (let asked = 1; asked <= 10; asked++) {
    await root.ok(getBalance);
    await reporter.ok(trackUsage, { service: "chat", cost: "0.01" });
  }
  await platform.restart("gateway");
});

test("a fault of ours is 500 and tells nothing of the inside", async () => {
  const db = await superuserDb(own.reach.folder, "credits");
  const someone = await user();
  await db.run(sql`alter table credit_lots rename to hidden_lots`);
  const { trace_id, ...problem } = await someone.refused(getBalance);
  await db.run(sql`alter table hidden_lots rename to credit_lots`);
  await db.close();
  expect(problem).toEqual({
    type: "/problems/internal",
    title: "Something went wrong on our side",
    status: 500,
    code: "internal",
    detail: "It has been logged under `trace_id`. A POST may be repeated with the same Idempotency-Key.",
    instance: "/api/v1/credits/balance",
  });
  expect(trace_id).toMatch(/^[0-9a-f]{32}$/);
  expect(await someone.ok(getBalance)).toMatchObject({ balance: "5.000000000000" });
});

const WALKED_WITHIN_MS = 20_000;
/** Not the relay's word for events that a lost stream did not take. */
const RIGHT_LACKS = '"msg":"the broker refused"';

/** A use that is charged and explained, and a coupon that is awarded: every question that a service asks another. */
async function walk(): Promise<void> {
  const [someone, admin] = await Promise.all([user(), user("admin")]);
  await someone.ok(trackUsage, { service: "chat", cost: "1" });
  const { code } = await admin.ok(createCoupon, { coupon_type: "credit_bonus", value: "3" });
  await someone.ok(redeemCoupon, { code });
  expect(await until(async () => (await someone.ok(getBalance)).balance === "7.000000000000", WALKED_WITHIN_MS)).toBe(
    true,
  );
  const charge = (await someone.ok(listTransactions)).find(({ transaction_type: type }) => type === "usage");
  expect(await someone.ok(explainTransaction, { id: charge?.id })).toMatchObject({ usage: { service: "chat" } });
}

test("every service works with no more rights than its row gives it, also on a broker that lost its store", async () => {
  await walk();
  await platform.loseBrokerStore();
  await platform.ready();
  for (const service of SERVICES) await platform.restart(service);
  await platform.ready();
  await walk();
  expect(await refusalsIn(logOf("nats", reach.folder))).toEqual([]);
  const refusals = async (service: Service) =>
    (await readFile(logOf(service, reach.folder), "utf8")).split("\n").filter((line) => line.includes(RIGHT_LACKS));
  expect((await Promise.all(SERVICES.map(refusals))).flat()).toEqual([]);
});

test("the books balance after all of it", async () => {
  expect(await breaches(reach.auditUrls)).toEqual([]);
});
