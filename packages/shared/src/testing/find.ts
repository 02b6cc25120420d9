/** Where tests get Postgres and NATS from: what is given, else programs of this machine, else containers. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findNats } from "../local/nats-binary.ts";
import { freePort } from "../local/ports.ts";
import { startPostgres } from "../local/postgres.ts";
import type { NatsSource } from "./servers.ts";

export interface FoundPostgres {
  /** Of a superuser. */
  readonly url: string;
  /** In words. */
  readonly from: string;
  close(): Promise<void>;
}

const POSTGRES_IMAGE = "postgres:17";

/** A folder for a test's servers, which another user than ours can pass through. Answers what removes it, too. */
export async function testFolder(name: string): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), `tollbooth-${name}-`));
  // Root's Postgres runs as somebody else.
  await chmod(folder, 0o711);
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A Postgres that may be filled with databases. Throws one sentence where there is none and no Docker engine either. */
export async function findPostgres(): Promise<FoundPostgres> {
  const given = process.env.POSTGRES_URL;
  if (given !== undefined && given !== "") return { url: given, from: "POSTGRES_URL", close: async () => {} };
  return localPostgres().catch(containerPostgres);
}

async function localPostgres(): Promise<FoundPostgres> {
  const { folder, remove } = await testFolder("postgres");
  try {
    const files = { dataDir: join(folder, "data"), logFile: join(folder, "log") };
    const postgres = await startPostgres({ ...files, port: await freePort(), fsync: false });
    const close = async () => {
      await postgres.stop();
      await remove();
    };
    return { url: postgres.url(), from: "node_modules", close };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function containerPostgres(reason: Error): Promise<FoundPostgres> {
  const { GenericContainer } = await docker(reason);
  const container = await new GenericContainer(POSTGRES_IMAGE)
    .withEnvironment({ POSTGRES_PASSWORD: "test" })
    .withCommand(["postgres", "-c", "max_connections=200", "-c", "fsync=off"])
    .withExposedPorts(5432)
    .start();
  const url = `postgres://postgres:test@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
  return { url, from: `a ${POSTGRES_IMAGE} container`, close: async () => void (await container.stop()) };
}

/** Where brokers come from. Throws one sentence where there is none and no Docker engine either. */
export async function findBroker(): Promise<NatsSource> {
  const given = process.env.NATS_URL;
  if (given !== undefined && given !== "") return { kind: "url", url: given };
  try {
    return { kind: "program", path: await findNats() };
  } catch (error) {
    await docker(error as Error);
    return { kind: "container" };
  }
}

/** The container library, where an engine answers; otherwise what was missing in the first place is the error. */
async function docker(reason: Error) {
  // Its reaper is one more image to pull; our own teardown stops what we start.
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= "true";
  const containers = await import("testcontainers");
  await containers.getContainerRuntimeClient().catch(() => {
    throw new Error(`${reason.message} A running Docker engine would do as well.`, { cause: reason });
  });
  return containers;
}
