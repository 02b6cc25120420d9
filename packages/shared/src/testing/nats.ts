/** A broker of its own for every test file. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, inject } from "vitest";
import { startNats } from "../local/nats.ts";
import { freePort } from "../local/ports.ts";
import { NATS_IMAGE, NATS_PORT } from "./servers.ts";

export interface TestNats {
  readonly url: string;
}

/**
 * A broker with JetStream and nothing in it; where NATS_URL is given, that one, with what other files left there.
 * Call it at the top level of a test file: it is stopped and its store removed when the file's tests have ended.
 */
export async function testNats(): Promise<TestNats> {
  const { nats: source } = inject("servers");
  if (source.kind === "url") return { url: source.url };
  return source.kind === "program" ? fromProgram() : fromContainer();
}

async function fromProgram(): Promise<TestNats> {
  const folder = await mkdtemp(join(tmpdir(), "tollbooth-nats-"));
  const nats = await startNats({
    storeDir: join(folder, "store"),
    port: await freePort(),
    logFile: join(folder, "log"),
  });
  afterAll(async () => {
    await nats.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return { url: nats.url };
}

async function fromContainer(): Promise<TestNats> {
  const { GenericContainer } = await import("testcontainers");
  const container = await new GenericContainer(NATS_IMAGE).withCommand(["-js"]).withExposedPorts(NATS_PORT).start();
  afterAll(() => container.stop());
  return { url: `nats://${container.getHost()}:${container.getMappedPort(NATS_PORT)}` };
}
