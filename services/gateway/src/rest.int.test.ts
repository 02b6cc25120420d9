import { EventEmitter, once } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { command, type Command, type Role } from "@tollbooth/shared/contract";
import { commands } from "@tollbooth/shared/contracts/all";
import { allocate, deduct, getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { listTiers } from "@tollbooth/shared/contracts/tiers";
import { trackUsage, trackUsageBatch } from "@tollbooth/shared/contracts/usage";
import { Fault, FAULT_CODES, type FaultCode } from "@tollbooth/shared/fault";
import { handle, Reply } from "@tollbooth/shared/handler";
import { startTelemetry, traceId } from "@tollbooth/shared/telemetry";
import { testNats } from "@tollbooth/shared/testing/nats";
import { PROBLEMS } from "./problem.ts";
import { bearer, bodyOf, echo, endpoint, startGateway, type Asked } from "./testing/gateway.ts";

await startTelemetry("test", undefined);
const { url: natsUrl } = await testNats();
const json = { "content-type": "application/json" };

describe("what a service answers", () => {
  test("reaches the client byte for byte", async () => {
    const odd = '[ {"price_monthly":"4.000000000000" ,"x":"é\\u00e9🔑"}\n]';
    const { api } = await startGateway({ natsUrl, endpoints: [endpoint(listTiers, () => new Reply(odd))] });
    const answer = await fetch(`${api}/tiers/compare`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json; charset=utf-8"]);
    expect(Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(odd))).toBe(true);
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  test("says when it is a replay", async () => {
    const { api } = await startGateway({
      natsUrl,
      endpoints: [endpoint(allocate, ({ ask }) => new Reply("{}", { replayed: ask.idempotencyKey === "again" }))],
    });
    const post = async (key: string) =>
      fetch(`${api}/allocate`, {
        method: "POST",
        headers: { ...(await bearer("root", "admin")), "idempotency-key": key },
      });
    expect((await post("first")).headers.get("idempotency-replayed")).toBeNull();
    expect((await post("again")).headers.get("idempotency-replayed")).toBe("true");
    expect((await post('"again"')).headers.get("idempotency-replayed")).toBe("true");
  });

  test("has a next page where the same query goes on from the cursor", async () => {
    const { api } = await startGateway({
      natsUrl,
      endpoints: [endpoint(listTransactions, () => new Reply("[]", { next: "41" }))],
    });
    const query = "limit=2&offset=10000&user_id=a%26b%3E%3B&cursor=99";
    const answer = await fetch(`${api}/transactions?${query}`, { headers: await bearer("root", "admin") });
    expect(answer.headers.get("link")).toBe(
      '</api/v1/credits/transactions?limit=2&user_id=a%26b%3E%3B&cursor=41>; rel="next"',
    );
  });
});

describe("what a service is asked", () => {
  test("is the body exactly as it was sent, with who asks, his key and a deadline", async () => {
    const { api } = await startGateway({
      natsUrl,
      endpoints: [echo(trackUsage)],
      env: { REQUEST_TIMEOUT_MS: "2000" },
    });
    const body = '{ "service":"llm" , "metadata":{"__proto__":{"x":1},"a":"\\ud83d\\udd11"}, "cost": 1.10 }';
    const headers = {
      ...json,
      ...(await bearer("älice€", "service")),
      "idempotency-key": "k1",
      "x-request-id": "req-1",
    };
    const before = Date.now();
    const asked = await bodyOf<Asked>(await fetch(`${api}/usage/track`, { method: "POST", headers, body }));
    expect(asked).toMatchObject({
      body,
      ask: { caller: { sub: "älice€", roles: ["service"] }, idempotencyKey: "k1", requestId: "req-1" },
    });
    expect(asked.ask.deadlineMs).toBeGreaterThanOrEqual(before + 2000);
    expect(asked.ask.deadlineMs).toBeLessThanOrEqual(Date.now() + 2000);
  });

  test("is the query as an object of texts; a key is for POST alone", async () => {
    const { api } = await startGateway({ natsUrl, endpoints: [echo(listTransactions)] });
    const headers = { ...(await bearer("alice")), "idempotency-key": "k1" };
    const asked = await bodyOf<Asked>(await fetch(`${api}/transactions?limit=5&x=a+b%20c%26&__proto__=1`, { headers }));
    expect(asked.body).toBe('{"limit":"5","x":"a b c&","__proto__":"1"}');
    expect(asked.ask).not.toHaveProperty("idempotencyKey");
  });

  test("nothing, when a POST has no body", async () => {
    const { api } = await startGateway({ natsUrl, endpoints: [echo(allocate)] });
    const headers = await bearer("root", "admin");
    expect(await bodyOf(await fetch(`${api}/allocate`, { method: "POST", headers }))).toMatchObject({ body: "" });
  });

  test("path parameters and a DELETE's query, and the rest of the path stays as it was in the next page", async () => {
    const show = command({
      subject: "test.show",
      summary: "for this test",
      access: ["user"],
      http: { method: "delete", path: "/things/{code}" },
      input: z.strictObject({ code: z.string(), user_id: z.string().optional() }),
      output: z.unknown(),
      faults: [],
    });
    const { api } = await startGateway({
      natsUrl,
      commands: { credits: [show] },
      endpoints: [endpoint(show, ({ body }) => new Reply(body, { next: "7" }))],
    });
    const ask = async (path: string) =>
      fetch(`${api}${path}`, { method: "DELETE", headers: { ...json, ...(await bearer("alice")) }, body: "ignored" });
    const answer = await ask("/things/a%2Fb%3E?user_id=bob");
    expect(await answer.json()).toEqual({ code: "a/b>", user_id: "bob" });
    expect(answer.headers.get("link")).toBe('</api/v1/credits/things/a%2Fb%3E?user_id=bob&cursor=7>; rel="next"');
    expect((await ask("/things/a?code=b")).status).toBe(422);
    expect((await ask("/things/%ff")).status).toBe(404);
  });

  test("goes on in the caller's trace", async () => {
    const { api } = await startGateway({
      natsUrl,
      endpoints: [endpoint(listTiers, () => new Reply(JSON.stringify({ trace: traceId() })))],
    });
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01` };
    expect(await (await fetch(`${api}/tiers/compare`, { headers })).json()).toEqual({ trace });
    const refused = await fetch(`${api}/balance`, { headers });
    expect(await refused.json()).toMatchObject({ trace_id: trace });
  });
});

/** What may be told of a fault with the detail "secret of the inside": all of a 4xx, nothing of a 5xx. */
function told(code: FaultCode): object {
  const { status, title, about } = PROBLEMS[code];
  const said = status < 500 ? { detail: "secret of the inside", fix: "fix it", required: "2" } : { detail: about };
  return { type: `/problems/${code}`, title, status, code, instance: "/api/v1/credits/deduct", ...said };
}

function retryAfter(code: FaultCode): string | null {
  return ["rate_limited", "unavailable", "overloaded", "timeout"].includes(code) ? "3" : null;
}

describe("refusals", () => {
  test("of a service become the problem that their code stands for", async () => {
    const thrown = { fault: new Fault("internal", "") };
    const { api, url } = await startGateway({
      natsUrl,
      endpoints: [
        endpoint(deduct, () => {
          throw thrown.fault;
        }),
      ],
    });
    const headers = await bearer("svc", "service");
    const post = () => fetch(`${api}/deduct?secret=x`, { method: "POST", headers });
    for (const code of FAULT_CODES) {
      thrown.fault = new Fault(code, "secret of the inside", {
        fix: "fix it",
        facts: { required: "2", status: 1 },
        retryAfterS: 3,
      });
      const answer = await post();
      const problem = await bodyOf<{ type: string; title: string; trace_id: string }>(answer);
      expect(problem).toEqual({ ...told(code), trace_id: problem.trace_id });
      expect(problem.trace_id).toMatch(/^[0-9a-f]{32}$/);
      expect(answer.status).toBe(PROBLEMS[code].status);
      expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
      expect(answer.headers.get("retry-after")).toBe(retryAfter(code));
      const page = await fetch(new URL(problem.type, url));
      expect([page.status, await page.text()]).toEqual([200, expect.stringContaining(problem.title)]);
    }
  });

  test("of a body name the fields that are wrong", async () => {
    const { api } = await startGateway({ natsUrl, endpoints: [handle(allocate, async () => ({}) as never)] });
    const headers = { ...json, ...(await bearer("root", "admin")) };
    const answer = await fetch(`${api}/allocate`, {
      method: "POST",
      headers,
      body: '{"user_id":"a","amount":-1,"more":1}',
    });
    expect(answer.status).toBe(422);
    const { code, errors } = await bodyOf<{ code: string; errors: { path: string }[] }>(answer);
    expect(code).toBe("invalid_request");
    expect(errors.map(({ path }) => path).toSorted()).toEqual(["", "amount", "source"]);
  });

  test("a service that is away is 503 at once, one that is silent 504 in time, with when to try again", async () => {
    const speech = new EventEmitter();
    const silence = once(speech, "end").then(() => new Reply("{}"));
    const { api } = await startGateway({
      natsUrl,
      env: { REQUEST_TIMEOUT_MS: "200" },
      endpoints: [endpoint(getBalance, () => silence)],
    });
    onTestFinished(() => void speech.emit("end"));
    const headers = await bearer("alice");
    const away = await fetch(`${api}/transactions`, { headers });
    expect([away.status, away.headers.get("retry-after"), (await bodyOf(away)).code]).toEqual([
      503,
      "1",
      "unavailable",
    ]);
    const silent = await fetch(`${api}/balance`, { headers });
    expect([silent.status, silent.headers.get("retry-after"), (await bodyOf(silent)).code]).toEqual([
      504,
      "1",
      "timeout",
    ]);
  });
});

function send(api: string, { http }: Command, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(api + String(http?.path), { method: String(http?.method).toUpperCase(), headers });
}

/** What a request gets that reaches no service, for whoever asks with this role. */
function letIn({ access }: Command, role: Role | undefined): number {
  if (access === "public" || role === "admin") return 503;
  if (role === undefined) return 401;
  return access !== "internal" && access.includes(role) ? 503 : 403;
}

describe("every contract's route", () => {
  const all = Object.values(commands).flat();
  const routed = all.filter((one) => one.http !== undefined);
  test("is let in by its table of roles and nothing else", async () => {
    const { api } = await startGateway({ natsUrl });
    for (const contract of routed) {
      const nobody = await send(api, contract);
      expect([contract.subject, nobody.status]).toEqual([contract.subject, letIn(contract, undefined)]);
      for (const role of ["user", "service", "admin"] as const) {
        const { status } = await send(api, contract, await bearer("alice", role));
        expect([contract.subject, role, status]).toEqual([contract.subject, role, letIn(contract, role)]);
      }
      const bad = await send(api, contract, { authorization: "Bearer nonsense" });
      expect([contract.subject, bad.status]).toEqual([contract.subject, 401]);
    }
  });

  test("is the only way in: what is internal or has no route is not there", async () => {
    const internal = command({
      ...listTiers,
      subject: "test.internal",
      access: "internal",
      http: { method: "get", path: "/internal" },
    });
    const { api } = await startGateway({
      natsUrl,
      commands: { credits: [internal, listTiers] },
      endpoints: [echo(internal)],
    });
    expect((await send(api, internal, await bearer("root", "admin"))).status).toBe(404);
  });

  test("takes a whole batch, and no byte more", async () => {
    const { api } = await startGateway({
      natsUrl,
      endpoints: [endpoint(trackUsageBatch, ({ body }) => new Reply(String(body.length)))],
    });
    const headers = { ...json, ...(await bearer("svc", "service")) };
    const post = (bytes: number) =>
      fetch(`${api}/usage/track/batch`, { method: "POST", headers, body: " ".repeat(bytes) });
    expect(await (await post(1_000_000)).text()).toBe("1000000");
    expect((await post(1_000_001)).status).toBe(413);
  });
});
