/** A broker of its own for every test file. */
import { join } from "node:path";
import { afterAll, inject } from "vitest";
import { startNats } from "../local/nats.ts";
import { freePort } from "../local/ports.ts";
import { testFolder } from "./find.ts";
import { NATS_IMAGE, NATS_PORT, type NatsSource } from "./servers.ts";

export interface TestNats {
  readonly url: string;
}

/**
 * A broker with JetStream and nothing in it; where NATS_URL is given, that one, with what other files left there.
 * Call it at the top level of a test file: it is stopped and its store removed when the file's tests have ended.
 */
export async function testNats(): Promise<TestNats> {
  const { url, close } = await openBroker(inject("servers").nats);
  afterAll(close);
  return { url };
}

/** A broker from this source, and what ends it. */
export async function openBroker(source: NatsSource): Promise<{ url: string; close: () => Promise<void> }> {
  if (source.kind === "url") return { url: source.url, close: async () => {} };
  return source.kind === "program" ? fromProgram() : fromContainer();
}

async function fromProgram() {
  const { folder, remove } = await testFolder("nats");
  const files = { storeDir: join(folder, "store"), logFile: join(folder, "log") };
  const nats = await startNats({ ...files, port: await freePort() });
  const close = async () => {
    await nats.stop();
    await remove();
  };
  return { url: nats.url, close };
}

async function fromContainer() {
  const { GenericContainer } = await import("testcontainers");
  const container = await new GenericContainer(NATS_IMAGE).withCommand(["-js"]).withExposedPorts(NATS_PORT).start();
  const url = `nats://${container.getHost()}:${container.getMappedPort(NATS_PORT)}`;
  return { url, close: async () => void (await container.stop()) };
}
