import { EventEmitter, once } from "node:events";
import { connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { deduct, getBalance } from "@tollbooth/shared/contracts/credits";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { Reply } from "@tollbooth/shared/handler";
import { until } from "@tollbooth/shared/local/condition";
import { testNats } from "@tollbooth/shared/testing/nats";
import { bearer, bodyOf, echo, endpoint, startGateway } from "./testing/gateway.ts";

const { url: natsUrl } = await testNats();
const WITHIN_MS = 10_000;
const who = await bearer("svc", "service");
const headers = { ...who, "content-type": "application/json" };

/** A gateway before a service that answers a deduction when it is told to. */
async function startWith(inHandMax: number) {
  const asked: string[] = [];
  const speech = new EventEmitter();
  const spoken = once(speech, "end").then(() => new Reply("{}"));
  const deduction = endpoint(deduct, ({ body }) => {
    asked.push(body);
    return spoken;
  });
  const env = { REQUESTS_IN_HAND_MAX: String(inHandMax) };
  const { api } = await startGateway({ natsUrl, env, endpoints: [deduction, echo(trackUsage), echo(getBalance)] });
  const speak = () => void speech.emit("end");
  onTestFinished(speak);
  const post = (path: string, body = "{}") => fetch(`${api}${path}`, { method: "POST", headers, body });
  return { api, asked, speak, post };
}

describe("a service with as many requests in hand as it may have", () => {
  test("is asked no more: who comes is told at once when to come back, and there is room when one is answered", async () => {
    const { asked, speak, post } = await startWith(2);
    const first = [post("/deduct"), post("/deduct")];
    expect(await until(() => asked.length === 2, WITHIN_MS)).toBe(true);
    const refused = await post("/deduct");
    expect([refused.status, refused.headers.get("retry-after"), (await bodyOf(refused)).code]).toEqual([
      503,
      "1",
      "overloaded",
    ]);
    speak();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await post("/deduct")).status).toBe(200);
    expect(asked).toHaveLength(3);
  });

  test("keeps nobody from the other services", async () => {
    const { api, asked, post } = await startWith(1);
    void post("/deduct");
    expect(await until(() => asked.length === 1, WITHIN_MS)).toBe(true);
    expect((await fetch(`${api}/balance`, { headers })).status).toBe(503);
    expect((await post("/usage/track")).status).toBe(200);
  });

  test("has room while bodies are on their way: who is slow with his takes nobody's place", async () => {
    const { api, asked, speak, post } = await startWith(1);
    const { port } = new URL(api);
    const slow = connect(Number(port), "127.0.0.1").setEncoding("utf8");
    onTestFinished(() => void slow.destroy());
    const said: string[] = [];
    slow.on("data", (text: string) => said.push(text));
    slow.write(
      `POST /api/v1/credits/deduct HTTP/1.1\r\nHost: x\r\nAuthorization: ${who["authorization"]}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n`,
    );
    // By then it has been let in.
    expect(await until(() => said.join("").includes("100 Continue"), WITHIN_MS)).toBe(true);
    const quick = post("/deduct");
    expect(await until(() => asked.length === 1, WITHIN_MS)).toBe(true);
    slow.write("{}");
    expect(await until(() => said.join("").includes("503 "), WITHIN_MS)).toBe(true);
    speak();
    expect((await quick).status).toBe(200);
  });
});
