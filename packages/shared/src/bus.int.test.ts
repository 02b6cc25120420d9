import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openBus } from "./bus.ts";
import { creditsEventOutcomes } from "./contracts/credits.ts";
import { handle, type Endpoint } from "./handler.ts";
import { startNats } from "./local/nats.ts";
import { freePort } from "./local/ports.ts";
import { openLog } from "./log.ts";
import { Streams } from "./streams.ts";

const log = openLog("test", "silent");

async function busOf(endpoints: readonly Endpoint[]) {
  const folder = await mkdtemp(join(tmpdir(), "tollbooth-bus-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const nats = await startNats({
    storeDir: join(folder, "store"),
    port: await freePort(),
    logFile: join(folder, "log"),
  });
  onTestFinished(() => nats.stop());
  const bus = await openBus({ url: nats.url, name: "test", log });
  onTestFinished(() => bus.connection.close());
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
