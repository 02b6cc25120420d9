import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openBus, type Bus } from "./bus.ts";
import { creditsEventOutcomes } from "./contracts/credits.ts";
import { handle, type Endpoint } from "./handler.ts";
import { until } from "./local/condition.ts";
import { startNats, type LocalNats } from "./local/nats.ts";
import { freePort } from "./local/ports.ts";
import { metricsText } from "./metrics.ts";
import { openLog } from "./log.ts";
import { Streams } from "./streams.ts";

const log = openLog("test", "silent");

/** A broker that ends with the test, with users of its own where they are given in its words. */
async function broker(users?: string): Promise<LocalNats> {
  const folder = await mkdtemp(join(tmpdir(), "tollbooth-bus-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const usersFile = join(folder, "users.conf");
  if (users !== undefined) await writeFile(usersFile, users);
  const files = { storeDir: join(folder, "store"), logFile: join(folder, "log"), ...(users && { usersFile }) };
  const nats = await startNats({ ...files, port: await freePort() });
  onTestFinished(() => nats.stop());
  return nats;
}

async function busAt(url: string): Promise<Bus> {
  const bus = await openBus({ url, name: "test", log });
  onTestFinished(() => bus.connection.close());
  return bus;
}

async function busOf(endpoints: readonly Endpoint[]) {
  const nats = await broker();
  const bus = await busAt(nats.url);
  await bus.serve("credits", endpoints);
  await bus.connection.flush();
  return { bus, nats };
}

test("a question whose broker dies is given up at once, and none is asked while it is away", async () => {
  let heard = () => {};
  const isHeard = new Promise<void>((resolve) => (heard = resolve));
  const { bus, nats } = await busOf([
    handle(creditsEventOutcomes, () => {
      heard();
      return new Promise(() => {});
    }),
  ]);
  const answer = bus.ask(creditsEventOutcomes, { events: [] }, { deadlineMs: Date.now() + 25_000 });
  const given = answer.catch((thrown: unknown) => thrown);
  await isHeard;
  const begin = performance.now();
  nats.kill("SIGKILL");
  expect(await given).toMatchObject({ code: "timeout" });
  expect(performance.now() - begin).toBeLessThan(5_000);
  await expect(bus.ask(creditsEventOutcomes, { events: [] })).rejects.toMatchObject({ code: "unavailable" });
  await expect(new Streams(bus).state("USAGE")).rejects.toMatchObject({ code: "unavailable" });
});

test("a broker takes us by the name and the password in its address, and by no others", async () => {
  const { port } = await broker('authorization { user: "an app", password: "p@ss" }');
  const bus = await busAt(`nats://an%20app:p%40ss@127.0.0.1:${port}`);
  await bus.connection.flush();
  await expect(busAt(`nats://an%20app:pass@127.0.0.1:${port}`)).rejects.toThrow("Authorization Violation");
});

test("what a process may not ask is our own mistake, and is told at once", async () => {
  const { port } = await broker(
    'authorization { users: [{ user: a, password: b, permissions: { publish: { deny: "credits.>" } } }] }',
  );
  const bus = await busAt(`nats://a:b@127.0.0.1:${port}`);
  const counted = async () =>
    Number(/errors_total\{code="PERMISSIONS_VIOLATION"\} (\d+)/.exec(await metricsText())?.[1] ?? 0);
  const before = await counted();
  const begin = performance.now();
  const asked = bus.ask(creditsEventOutcomes, { events: [] });
  await expect(asked).rejects.toMatchObject({ code: "internal", message: "we may not ask credits.event.outcomes" });
  expect(performance.now() - begin).toBeLessThan(5_000);
  expect(await until(async () => (await counted()) === before + 1, 5_000)).toBe(true);
});
