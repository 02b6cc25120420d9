import { request } from "node:http";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { allocate, getBalance, listTransactions } from "@tollbooth/shared/contracts/credits";
import { listTiers } from "@tollbooth/shared/contracts/tiers";
import { handle, Reply } from "@tollbooth/shared/handler";
import { openLog } from "@tollbooth/shared/log";
import { testNats } from "@tollbooth/shared/testing/nats";
import { bearer, bodyOf, echo, endpoint, startGateway, token, type Asked } from "./testing/gateway.ts";

const { url: natsUrl } = await testNats();
const json = { "content-type": "application/json" };
const tiers = endpoint(listTiers, () => new Reply("[]"));

/** Sends bytes as they are and gives back all that is answered. */
function raw(url: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(bytes));
    socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

describe("tokens", () => {
  test("a bad one is 401 even where none is needed, and says how to do better", async () => {
    const { api } = await startGateway({ natsUrl, endpoints: [tiers] });
    expect((await fetch(`${api}/tiers/compare`)).status).toBe(200);
    const nowS = Math.floor(Date.now() / 1000);
    const headers = { authorization: `Bearer ${await token({ exp: nowS - 60 })}` };
    const answer = await fetch(`${api}/tiers/compare`, { headers });
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="tollbooth", error="invalid_token"');
    const { code, fix } = await bodyOf<{ code: string; fix: string }>(answer);
    expect([code, fix]).toEqual([
      "unauthenticated",
      "send `Authorization: Bearer <token>` with a token that is valid now",
    ]);
  });

  test("none where one is needed is 401 without an error code", async () => {
    const { api } = await startGateway({ natsUrl });
    const answer = await fetch(`${api}/balance`);
    expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="tollbooth"']);
  });

  test("two users in turn are never taken for each other", async () => {
    const { api } = await startGateway({ natsUrl, endpoints: [echo(getBalance)] });
    const [alice, bob] = [await bearer("alice"), await bearer("bob")];
    const who = async (headers: Record<string, string>) =>
      (await bodyOf<Asked>(await fetch(`${api}/balance`, { headers }))).ask.caller?.sub;
    const answers = await Promise.all([alice, bob, bob, alice, bob, alice].map(who));
    expect(answers).toEqual(["alice", "bob", "bob", "alice", "bob", "alice"]);
  });

  test("neither they nor queries are ever logged", async () => {
    const lines: string[] = [];
    const log = openLog("gateway", "debug");
    Object.assign(log, {
      info: (fields: object) => lines.push(JSON.stringify(fields)),
      debug: () => {},
      warn: () => {},
    });
    const { api, server } = await startGateway({ natsUrl, log, endpoints: [tiers] });
    const headers = await bearer("alice");
    await fetch(`${api}/tiers/compare?api_key=sk-or-v1-canary`, { headers });
    server.closeAllConnections();
    await expect.poll(() => lines).toHaveLength(1);
    expect(JSON.parse(lines.join("\n"))).toMatchObject({
      method: "GET",
      route: "/api/v1/credits/tiers/compare",
      status: 200,
    });
    expect(lines.join("\n")).not.toMatch(/canary|Bearer|eyJ/);
  });
});

describe("bodies", () => {
  const endpoints = [handle(allocate, async () => new Reply("{}"))];
  const good = { user_id: "a", amount: "1", source: "s" };

  // prettier-ignore
  const cases: readonly [string, string | Uint8Array<ArrayBuffer>, Record<string, string>, number][] = [
    ["a good one",                      JSON.stringify(good),                                   json,                                                      200],
    ["UTF-8, said so",                  JSON.stringify(good),                                   { "content-type": 'Application/JSON; charset="UTF-8"' },   200],
    ["with a byte order mark",          `\uFEFF${JSON.stringify(good)}`,                        json,                                                      200],
    ["compressed",                      gzipSync(JSON.stringify(good)),                         { ...json, "content-encoding": "gzip" },                   200],
    ["broken JSON",                     '{"user_id":',                                          json,                                                      400],
    ["only spaces",                     "   ",                                                  json,                                                      400],
    ["not UTF-8",                       Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]),            json,                                                      400],
    ["broken compression",              Buffer.from("not gzip"),                                { ...json, "content-encoding": "gzip" },                   400],
    ["an array",                        "[]",                                                   json,                                                      422],
    ["a text",                          '"x"',                                                  json,                                                      422],
    ["null",                            "null",                                                 json,                                                      422],
    ["an unknown field",                JSON.stringify({ ...good, admin: true }),               json,                                                      422],
    ["a __proto__",                     '{"__proto__":{"admin":true},"user_id":"a"}',           json,                                                      422],
    ["a constructor",                   '{"constructor":{"prototype":{"x":1}},"user_id":"a"}',  json,                                                      422],
    ["50,000 arrays deep",              "[".repeat(50_000) + "]".repeat(50_000),                json,                                                      422],
    ["50,000 arrays that never end",    "[".repeat(50_000),                                     json,                                                      422],
    ["40 levels deep in metadata",      `{"metadata":${'{"a":'.repeat(40)}1${"}".repeat(40)}}`, json,                                                      422],
    ["U+0000",                          JSON.stringify({ ...good, source: "a\0b" }),            json,                                                      422],
    ["half a surrogate pair",           '{"user_id":"\\ud800","amount":"1","source":"s"}',      json,                                                      422],
    ["more than 100 KB",                JSON.stringify({ ...good, source: "x".repeat(100_000) }), json,                                                    413],
    ["a bomb",                          gzipSync(Buffer.alloc(50_000_000, 32)),                 { ...json, "content-encoding": "gzip" },                   413],
    ["a form",                          "user_id=a",                                            { "content-type": "application/x-www-form-urlencoded" },   415],
    ["of no type",                      Buffer.from("{}"),                                      {},                                                        415],
    ["JSON in Latin-1",                 "{}",                                                   { "content-type": "application/json; charset=iso-8859-1" }, 415],
    ["compressed in an unknown way",    "{}",                                                   { ...json, "content-encoding": "lzma" },                   415],
  ];

  test.each(cases)("%s", async (_, body, more, status) => {
    const { api } = await startGateway({ natsUrl, endpoints });
    const answer = await fetch(`${api}/allocate`, {
      method: "POST",
      headers: { ...(await bearer("root", "admin")), ...more },
      body,
    });
    expect([answer.status, await answer.text()]).toEqual([status, expect.any(String)]);
    expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
    const after = await fetch(`${api}/allocate`, {
      method: "POST",
      headers: { ...(await bearer("root", "admin")), ...json },
      body: JSON.stringify(good),
    });
    expect(after.status).toBe(200);
  });

  test("one that is not read, because nobody may send it, does not keep the answer back", async () => {
    const { api } = await startGateway({ natsUrl });
    const status = await new Promise((resolve, reject) => {
      const open = request(
        `${api}/allocate`,
        { method: "POST", headers: { ...json, "content-length": 1e9 } },
        (answer) => {
          resolve(answer.statusCode);
          open.destroy();
        },
      );
      open.on("error", reject);
      open.write("{");
    });
    expect(status).toBe(401);
  });

  test("a client that leaves in the middle harms nobody", async () => {
    const { api, url } = await startGateway({ natsUrl, endpoints: [tiers, ...endpoints] });
    const { authorization } = await bearer("root", "admin");
    const head = `POST /api/v1/credits/allocate HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`;
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(head, () => socket.destroy()));
      socket.on("close", () => resolve());
      socket.on("error", reject);
    });
    expect((await fetch(`${api}/tiers/compare`)).status).toBe(200);
  });
});

describe("addresses and queries", () => {
  // prettier-ignore
  const cases: readonly [method: string, path: string, status: number, code: string, instance?: string][] = [
    ["GET",     "/api/v1/credits/transactions?limit=1&limit=2",  422, "invalid_request"],
    ["GET",     "/api/v1/credits/transactions?limit=%ff",        422, "invalid_request"],
    ["GET",     "/api/v1/credits/transactions?limit=%",          422, "invalid_request"],
    ["GET",     "/api/v1/credits/transactions?user_id=%00",      422, "invalid_request"],
    ["GET",     "/api/v1/credits/transactions?__proto__=1",      422, "invalid_request"],
    ["GET",     "/api/v1/credits/transactions?limit[]=1",        422, "invalid_request"],
    ["GET",     "/api/v1/credits/nothing",                       404, "not_found"],
    ["GET",     "/api/v1/credits/Balance",                       404, "not_found"],
    ["GET",     "/api/v1/credits/balance/",                      404, "not_found"],
    ["GET",     "/api/v1/credits//balance",                      404, "not_found"],
    ["GET",     "/",                                             404, "not_found"],
    ["GET",     "/api/v1/credits/%",                             404, "not_found", "/api/v1/credits/%25"],
    ["GET",     "/health/live/",                                 404, "not_found"],
    ["GET",     "/Health/live",                                  404, "not_found"],
    ["GET",     "/docs/",                                        404, "not_found"],
    ["POST",    "/health/live",                                  405, "method_not_allowed"],
    ["OPTIONS", "/docs",                                         405, "method_not_allowed"],
    ["GET",     "/problems/constructor",                         404, "not_found"],
    ["GET",     "/problems/%ff",                                 404, "not_found"],
    ["OPTIONS", "/api/v1/credits/nothing",                       404, "not_found"],
    ["PUT",     "/api/v1/credits/balance",                       405, "method_not_allowed"],
    ["POST",    "/api/v1/credits/balance",                       405, "method_not_allowed"],
    ["GET",     "/api/v1/credits/allocate",                      405, "method_not_allowed"],
    ["OPTIONS", "/api/v1/credits/balance",                       405, "method_not_allowed"],
  ];

  test.each(cases)("%s %s is %i", async (method, path, status, code, instance = path.replace(/\?.*/, "")) => {
    const { url } = await startGateway({ natsUrl, endpoints: [handle(listTransactions, async () => new Reply("[]"))] });
    const answer = await fetch(url + path, { method, headers: await bearer("alice") });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([
      status,
      "application/problem+json; charset=utf-8",
    ]);
    expect(await answer.json()).toMatchObject({ code, instance });
  });

  test("a wrong method is told the right ones", async () => {
    const { api } = await startGateway({ natsUrl });
    const allowed = async (path: string) => (await fetch(api + path, { method: "PATCH" })).headers.get("allow");
    expect([await allowed("/balance"), await allowed("/allocate")]).toEqual(["GET, HEAD", "POST"]);
  });

  test("one that is sent whole, as to a proxy, is the same address", async () => {
    const { url } = await startGateway({ natsUrl, endpoints: [tiers] });
    const answer = await raw(
      url,
      "GET http://api.test/api/v1/credits/tiers/compare?x=1 HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n",
    );
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
  });

  test("HEAD is GET without the body", async () => {
    const { api } = await startGateway({ natsUrl, endpoints: [tiers] });
    const answer = await fetch(`${api}/tiers/compare`, { method: "HEAD" });
    expect([answer.status, await answer.text(), answer.headers.get("content-length")]).toEqual([200, "", "2"]);
  });

  // prettier-ignore
  test.each([
    ["headers beyond 16 KB",    `GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,                                      431],
    ["what is no HTTP",         "nonsense\r\n\r\n",                                                                                 400],
    ["two lengths",             "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",                        400],
    ["a length and chunks",     "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",      400],
  ])("%s is answered with a problem and the connection closed", async (_, bytes, status) => {
    const { url } = await startGateway({ natsUrl });
    const answer = await raw(url, bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*Content-Type: application/problem\\+json[^]*Connection: close[^]*"status":${status}`));
  });

  test.each(["*", "http://[bad/api", "//evil.test/x", "/%", "/\\..\\x"])(
    "a request for %s is no crash",
    async (target) => {
      const { url, api } = await startGateway({ natsUrl, endpoints: [tiers] });
      const answer = await raw(url, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 (400|404 [^]*application\/problem\+json)/);
      expect((await fetch(`${api}/tiers/compare`)).status).toBe(200);
    },
  );
});

describe("headers", () => {
  test("protect browsers, and say nothing of what we are made of", async () => {
    const { api } = await startGateway({ natsUrl, endpoints: [tiers] });
    const { headers } = await fetch(`${api}/tiers/compare`);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toContain("default-src 'self'");
    for (const name of ["x-powered-by", "server", "etag", "access-control-allow-origin"])
      expect(headers.get(name)).toBeNull();
  });

  test("a request id is taken if it is sane, else made", async () => {
    const { api } = await startGateway({ natsUrl, endpoints: [tiers] });
    const sent = async (id: string) =>
      (await fetch(`${api}/tiers/compare`, { headers: { "x-request-id": id } })).headers.get("x-request-id");
    expect(await sent("abc-1:2.3")).toBe("abc-1:2.3");
    expect(await sent("a b")).toMatch(/^[0-9a-f-]{36}$/);
    expect(await sent("x".repeat(129))).toMatch(/^[0-9a-f-]{36}$/);
  });

  // prettier-ignore
  test.each([
    ["a bare LF",            "x\nX-Injected: 1"],
    ["a bare CR",            "x\rX-Injected: 1"],
    ["U+0000",               "x\0y"],
    ["a folded line",        "x\r\n X-Injected: 1"],
    ["CR and LF, encoded",   "x%0d%0aX-Injected:%201"],
    ["bytes like CR and LF", "x\u560d\u560aX-Injected: 1"],
  ])("a caller's own with %s adds none to an answer, nor to what a service is asked", async (_, value) => {
    const { url } = await startGateway({ natsUrl, endpoints: [echo(allocate)] });
    const { authorization } = await bearer("root", "admin");
    for (const name of ["X-Request-Id", "Idempotency-Key", "Traceparent", "Tracestate", "X-Forwarded-For", "Origin"]) {
      const head = [
        "POST /api/v1/credits/allocate HTTP/1.1",
        `Host: x\r\nConnection: close\r\nAuthorization: ${authorization}`,
        "Content-Type: application/json\r\nContent-Length: 2",
        `${name}: ${value}`,
      ];
      const answer = await raw(url, `${head.join("\r\n")}\r\n\r\n{}`);
      expect([name, answer]).toEqual([name, expect.stringMatching(/^HTTP\/1\.1 (200|400) /)]);
      expect(answer.match(/^HTTP\/1\.1/gm)).toHaveLength(1);
      expect(answer).not.toMatch(/^x-injected/im);
    }
  });

  test("only origins of the list may read answers from a page", async () => {
    const { api } = await startGateway({ natsUrl, endpoints: [tiers], env: { CORS_ORIGINS: "https://app.test" } });
    const allowed = async (origin: string, method = "GET") => {
      const { headers } = await fetch(`${api}/tiers/compare`, { method, headers: { origin } });
      return headers.get("access-control-allow-origin");
    };
    expect(await allowed("https://app.test")).toBe("https://app.test");
    expect(await allowed("https://app.test", "OPTIONS")).toBe("https://app.test");
    expect(await allowed("https://evil.test")).toBeNull();
    expect(await allowed("https://evil.test", "OPTIONS")).toBeNull();
    expect(await allowed("null")).toBeNull();
  });
});
