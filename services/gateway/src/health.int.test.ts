import { expect, test } from "vitest";
import { openLog } from "@tollbooth/shared/log";
import { openBus } from "@tollbooth/shared/bus";
import { commands } from "@tollbooth/shared/contracts/all";
import { testNats } from "@tollbooth/shared/testing/nats";
import { startGateway } from "./testing/gateway.ts";

const { url: natsUrl } = await testNats();

test("the process is live whatever else is down", async () => {
  const { url } = await startGateway({ natsUrl });
  const answer = await fetch(`${url}/health/live`);
  expect([answer.status, await answer.json()]).toEqual([200, { status: "up" }]);
});

test("nobody is told that he knows it already, whatever he says that he has", async () => {
  const { url } = await startGateway({ natsUrl });
  for (const path of ["/health/live", "/openapi.json", "/docs"])
    expect((await fetch(url + path, { headers: { "if-none-match": "*" } })).status).toBe(200);
});

test("it is ready only when every service answers, and says which does not", async () => {
  const { url } = await startGateway({ natsUrl });
  const ready = async () => fetch(`${url}/health/ready`);
  const missing = await ready();
  expect([missing.status, missing.headers.get("retry-after")]).toEqual([503, "1"]);
  const others = Object.keys(commands).filter((service) => service !== "credits");
  const allOf = (state: string) => Object.fromEntries(others.map((service) => [service, state]));
  expect(await missing.json()).toMatchObject({
    code: "unavailable",
    parts: { broker: "up", credits: "up", ...allOf("down") },
  });
  const bus = await openBus({ url: natsUrl, name: "others", log: openLog("test", "silent") });
  await Promise.all(others.map(async (service) => bus.serve(service, [])));
  await expect.poll(async () => (await ready()).status, { timeout: 5_000 }).toBe(200);
  expect(await (await ready()).json()).toEqual({
    status: "ready",
    parts: { broker: "up", credits: "up", ...allOf("up") },
  });
  await bus.close();
});

test("a flood of probes asks the services five times a second at most", async () => {
  const { url, service } = await startGateway({ natsUrl });
  let pings = 0;
  service.connection.subscribe("$SRV.PING.credits", { callback: () => pings++ });
  await service.connection.flush();
  const startedMs = performance.now();
  const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(`${url}/health/ready`)));
  const tookMs = performance.now() - startedMs;
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
  await service.connection.flush();
  expect(pings).toBeGreaterThan(0);
  expect(pings).toBeLessThanOrEqual(1 + Math.floor(tookMs / 200));
});
