import { request } from "node:http";
import { describe, expect, test } from "vitest";
import { checkBalance } from "@tollbooth/shared/contracts/credits";
import { openExchange, takeExchange } from "@tollbooth/shared/contracts/exchanges";
import { answeredBy, type Command } from "@tollbooth/shared/contract";
import { Fault, type FaultCode } from "@tollbooth/shared/fault";
import { Reply, type Endpoint } from "@tollbooth/shared/handler";
import { until } from "@tollbooth/shared/local/condition";
import { testNats } from "@tollbooth/shared/testing/nats";
import { bearer, bodyOf, endpoint, startGateway, type Asked } from "./testing/gateway.ts";

const { url: natsUrl } = await testNats();
const HEAD = { is_stream: true, headers: { "X-Tollbooth-Cost": "1.000000000000" } };
const BODY = '{ "model":"a/b", "messages":[1.10] }';
const WITHIN_MS = 5_000;
const NOTHING = "0.000000000000";

interface Refused {
  readonly error: { readonly code: string; readonly message: string; readonly required?: string };
}
interface Part {
  readonly head?: typeof HEAD;
  readonly text: string;
  readonly done: boolean;
}

/** A gateway before a service that gives these parts, one a take; what it is asked is kept. */
async function proxied(parts: readonly (Part | Fault)[], opening?: Fault, process = "p1") {
  const asked: Asked[] = [];
  const takes: { left?: boolean }[] = [];
  let given = 0;
  const answers = (contract: Command, reply: (it: Asked) => object | Promise<object>): Endpoint =>
    endpoint(contract, async (it) => {
      const answer = await reply(it);
      if (answer instanceof Fault) throw answer;
      return new Reply(JSON.stringify(answer));
    });
  const endpoints = [
    answers(openExchange, (it) => {
      asked.push(it);
      return opening ?? { exchange_id: "e1", process };
    }),
    answers(answeredBy(takeExchange, "p1"), async ({ body }) => {
      const take = JSON.parse(body) as { left?: boolean };
      takes.push(take);
      if (take.left === true) return { text: "", done: true };
      const part = parts[given++];
      // Where there is nothing more it waits, as the service does.
      if (part === undefined) await until(async () => takes.some(({ left }) => left), WITHIN_MS);
      return part ?? { text: "", done: false };
    }),
  ];
  const { url, service } = await startGateway({ natsUrl, endpoints });
  const post = async (path = "/chat/completions", headers: Record<string, string> = {}, body: string = BODY) =>
    fetch(`${url}/api/v1${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(await bearer("ann")), ...headers },
      body,
    });
  return { url, service, asked, takes, post };
}

describe("an answer", () => {
  test("is brought part by part, in its order, with its headers", async () => {
    const { post, takes } = await proxied([
      { head: HEAD, text: "", done: false },
      { text: "data: Grüße\n\n", done: false },
      { text: "", done: false },
      { text: "data: [DONE]\n\n", done: true },
    ]);
    const answer = await post();
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
    expect(answer.headers.get("x-tollbooth-cost")).toBe("1.000000000000");
    expect(await answer.text()).toBe("data: Grüße\n\ndata: [DONE]\n\n");
    expect(takes).toEqual(Array.from({ length: 4 }, () => ({ exchange_id: "e1", left: false })));
  });

  test("that fails in the middle ends with a connection that breaks", async () => {
    const { post } = await proxied([
      { head: HEAD, text: "data: a\n\n", done: false },
      new Fault("unavailable", "gone"),
    ]);
    await expect((await post()).text()).rejects.toThrow("terminated");
  });

  test("that nobody reads is not taken", async () => {
    const { url, takes } = await proxied(
      Array.from({ length: 500 }, (_, i) => ({
        ...(i === 0 && { head: HEAD }),
        text: "x".repeat(100_000),
        done: false,
      })),
    );
    const headers = { "content-type": "application/json", ...(await bearer("ann")) };
    const sending = request(`${url}/api/v1/chat/completions`, { method: "POST", headers });
    sending.on("response", (response) => response.pause()).on("error", () => {});
    sending.end(BODY);
    let before = -1;
    const isStill = () => before === (before = takes.length) && before > 1;
    expect(await until(async () => isStill(), WITHIN_MS)).toBe(true);
    expect(takes.length).toBeLessThan(200);
    sending.destroy();
    expect(await until(async () => takes.at(-1)?.left === true, WITHIN_MS)).toBe(true);
  });

  test("is left when its client hangs up", async () => {
    const { url, takes } = await proxied([{ head: HEAD, text: "data: a\n\n", done: false }]);
    const hangUp = new AbortController();
    const headers = { "content-type": "application/json", ...(await bearer("ann")) };
    const answer = await fetch(`${url}/api/v1/chat/completions`, {
      method: "POST",
      headers,
      body: BODY,
      signal: hangUp.signal,
    });
    await answer.body?.getReader().read();
    hangUp.abort();
    expect(await until(async () => takes.some(({ left }) => left === true), WITHIN_MS)).toBe(true);
  });
});

describe("what is asked", () => {
  test("is the body as it came, for whom, with his key and who has to pay", async () => {
    const { post, asked } = await proxied(
      Array.from({ length: 3 }, () => ({ text: "{}", head: { ...HEAD, is_stream: false }, done: true })),
    );
    const answer = await post("/embeddings", { "idempotency-key": "k1", "x-tollbooth-key": "managed" });
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
    const request_id = answer.headers.get("x-tollbooth-request-id");
    expect(JSON.parse(asked[0]?.body ?? "")).toEqual({ request_id, kind: "embeddings", body: BODY, key: "managed" });
    expect(asked[0]?.ask).toMatchObject({ caller: { sub: "ann" } });
    // The same key names the same request.
    expect((await post("/embeddings", { "idempotency-key": '"k1"' })).headers.get("x-tollbooth-request-id")).toBe(
      request_id,
    );
    expect((await post("/embeddings")).headers.get("x-tollbooth-request-id")).not.toBe(request_id);
  });

  test("may have 8 MB, and no more", async () => {
    const { post, asked } = await proxied([{ text: "{}", head: HEAD, done: true }]);
    const text = `{"x":"${"a\\n".repeat(2_600_000)}"}`;
    expect((await post("/chat/completions", {}, text)).status).toBe(200);
    expect((JSON.parse(asked[0]?.body ?? "") as { body: string }).body).toBe(text);
    const tooMuch = await post("/chat/completions", {}, "x".repeat(8_000_001)).catch(() => undefined);
    expect([413, undefined]).toContain(tooMuch?.status);
  });

  // prettier-ignore
  test.each([
    { name: "without a token",               headers: { authorization: "" },               status: 401 },
    { name: "with a bad token",              headers: { authorization: "Bearer x" },       status: 401 },
    { name: "by another payer",              headers: { "x-tollbooth-key": "mine" },       status: 422 },
    { name: "that is no JSON",               headers: { "content-type": "text/plain" },    status: 415 },
    { name: "that is compressed",            headers: { "content-encoding": "gzip" },      status: 415 },
  ])("$name is refused with $status, as OpenAI's clients read it", async ({ headers, status }) => {
    const { post, asked } = await proxied([]);
    const answer = await post("/chat/completions", headers);
    const { error } = await bodyOf<Refused>(answer);
    expect([answer.status, typeof error.message, typeof error.code]).toEqual([status, "string", "string"]);
    expect([answer.headers.get("www-authenticate") !== null, asked.length]).toEqual([status === 401, 0]);
  });

  test("in another way is told which ways there are", async () => {
    const { url } = await proxied([]);
    const answer = await fetch(`${url}/api/v1/chat/completions`);
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST"]);
  });
});

describe("a refusal", () => {
  // prettier-ignore
  test.each<{ code: FaultCode; status: number; again: string | null }>([
    { code: "insufficient_credits", status: 402, again: null },
    { code: "key_refused",          status: 401, again: null },
    { code: "unpriced_model",       status: 422, again: null },
    { code: "rate_limited",         status: 429, again: null },
    { code: "idempotency_conflict", status: 409, again: "false" },
    { code: "timeout",              status: 504, again: "false" },
  ])("of $code is $status; clients may repeat it by themselves: $again", async ({ code, status, again }) => {
    const facts = code === "insufficient_credits" ? { required: "2.000000000000", affordable_tokens: 7 } : {};
    const { post } = await proxied([], new Fault(code, "said so", { facts, fix: "do this", retryAfterS: 7 }));
    const answer = await post();
    const { error } = await bodyOf<Refused>(answer);
    expect([answer.status, error.code, answer.headers.get("x-should-retry")]).toEqual([status, code, again]);
    expect(error).toMatchObject(facts);
    expect(answer.headers.get("retry-after")).toBe([429, 504].includes(status) ? "7" : null);
    if (status < 500) expect(error.message).toBe("said so; do this");
  });

  test("tells the request's name, that it cost nothing, and what is left; who cannot be asked says nothing", async () => {
    const { post, service } = await proxied([], new Fault("rate_limited", "slow down"));
    const told = async (headers?: Record<string, string>) => {
      const answer = await post("/chat/completions", headers);
      return ["request-id", "cost", "balance"].map((name) => answer.headers.get(`x-tollbooth-${name}`));
    };
    const name = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;
    expect(await told()).toEqual([name, NOTHING, null]);
    await service.serve("balances", [
      endpoint(checkBalance, ({ body }) => {
        expect(JSON.parse(body)).toMatchObject({ user_id: "ann" });
        return new Reply(JSON.stringify({ sufficient: true, required: NOTHING, available: "7.000000000000" }));
      }),
    ]);
    await service.connection.flush();
    expect(await told()).toEqual([name, NOTHING, "7.000000000000"]);
    expect(await told({ authorization: "Bearer x" })).toEqual([name, NOTHING, null]);
  });

  test("of which nobody knows what became does not say that it cost nothing", async () => {
    const { post } = await proxied([new Fault("timeout", "who knows")]);
    const { status, headers } = await post();
    expect([status, headers.get("x-tollbooth-cost")]).toEqual([504, null]);
    expect(headers.get("x-tollbooth-request-id")).not.toBeNull();
  });

  test("by nobody, because the service died with the answer, is not repeated by clients", async () => {
    const { post } = await proxied([], undefined, "died");
    const { status, headers } = await post();
    expect([status, headers.get("x-should-retry"), headers.get("x-tollbooth-cost")]).toEqual([504, "false", null]);
  });

  test("that comes before the first part is one too", async () => {
    const { post } = await proxied([new Fault("rate_limited", "slow down", { retryAfterS: 3 })]);
    const answer = await post();
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "3"]);
  });
});
