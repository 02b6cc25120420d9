/**
 * Runs once before the integration tests: finds Postgres and NATS (a URL that was given, else programs of this
 * machine, else containers), says which, and makes a migrated template of every service's database.
 */
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { openDb } from "../db.ts";
import { findNats } from "../local/nats-binary.ts";
import { freePort } from "../local/ports.ts";
import { startPostgres } from "../local/postgres.ts";
import { migrate } from "../migrate.ts";
import { administer, templateName, urlOf } from "./postgres.ts";
import type { NatsSource } from "./servers.ts";

interface Found {
  readonly url: string;
  readonly from: string;
  close(): Promise<void>;
}

const POSTGRES_IMAGE = "postgres:17";
const SERVICES = new URL("../../../../services/", import.meta.url);

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, nats] = await Promise.all([findPostgres(), findBroker()]);
  console.log(`integration tests: Postgres from ${postgres.from}, NATS from ${natsFrom(nats)}`);
  const prefix = `tollbooth_test_${randomBytes(4).toString("hex")}`;
  const templates = await makeTemplates(postgres.url, prefix);
  project.provide("servers", { postgresUrl: postgres.url, prefix, nats });
  return async () => {
    for (const template of templates)
      await administer(postgres.url, `drop database if exists "${template}" with (force)`);
    await postgres.close();
  };
}

async function findPostgres(): Promise<Found> {
  const given = process.env.POSTGRES_URL;
  if (given !== undefined) return { url: given, from: "POSTGRES_URL", close: async () => {} };
  return localPostgres().catch(async (reason: Error) => containerPostgres(reason));
}

async function localPostgres(): Promise<Found> {
  const folder = await mkdtemp(join(tmpdir(), "tollbooth-postgres-"));
  // Root's Postgres runs as another user, who must be able to pass through.
  await chmod(folder, 0o711);
  const remove = () => rm(folder, { recursive: true, force: true });
  const options = { dataDir: join(folder, "data"), port: await freePort(), logFile: join(folder, "log"), fsync: false };
  const postgres = await startPostgres(options).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  const close = async () => {
    await postgres.stop();
    await remove();
  };
  return { url: postgres.url(), from: "node_modules", close };
}

async function containerPostgres(reason: Error): Promise<Found> {
  const { GenericContainer } = await withDocker(reason);
  const container = await new GenericContainer(POSTGRES_IMAGE)
    .withEnvironment({ POSTGRES_PASSWORD: "test" })
    .withCommand(["postgres", "-c", "max_connections=200", "-c", "fsync=off"])
    .withExposedPorts(5432)
    .start();
  const url = `postgres://postgres:test@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
  return { url, from: `a ${POSTGRES_IMAGE} container`, close: async () => void (await container.stop()) };
}

async function findBroker(): Promise<NatsSource> {
  const given = process.env.NATS_URL;
  if (given !== undefined) return { kind: "url", url: given };
  const path = await findNats().catch(async (reason: Error) => {
    await withDocker(reason);
    return undefined;
  });
  return path === undefined ? { kind: "container" } : { kind: "program", path };
}

/** The container library, where an engine answers; otherwise what was missing in the first place is the error. */
async function withDocker(reason: Error) {
  // Its reaper is one more image to pull; our own teardown stops what we start.
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= "true";
  const containers = await import("testcontainers");
  await containers.getContainerRuntimeClient().catch(() => {
    throw new Error(`${reason.message} A running Docker engine would do as well.`, { cause: reason });
  });
  return containers;
}

function natsFrom(source: NatsSource): string {
  if (source.kind === "url") return "NATS_URL";
  return source.kind === "program" ? source.path : "containers";
}

async function makeTemplates(postgresUrl: string, prefix: string): Promise<string[]> {
  const templates: string[] = [];
  for (const service of await readdir(SERVICES)) {
    const folder = new URL(`${service}/migrations/`, SERVICES).pathname;
    const files = await readdir(folder).catch(() => []);
    if (files.length === 0) continue;
    const template = templateName(prefix, service);
    templates.push(template);
    await administer(postgresUrl, `create database "${template}"`);
    const db = openDb({ url: urlOf(postgresUrl, template), name: "test-setup", poolMax: 1 });
    try {
      await migrate(db, folder);
    } finally {
      await db.close();
    }
  }
  return templates;
}
