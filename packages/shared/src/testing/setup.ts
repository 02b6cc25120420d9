/** Runs once before the integration tests: finds servers, says which, and makes a template of every service's database. */
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { openDb } from "../db.ts";
import { migrate } from "../migrate.ts";
import { findBroker, findPostgres } from "./find.ts";
import { administer, templateName, urlOf } from "./postgres.ts";
import type { NatsSource } from "./servers.ts";

const SERVICES = new URL("../../../../services/", import.meta.url);

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, nats] = await Promise.all([findPostgres(), findBroker()]);
  console.log(`integration tests: Postgres from ${postgres.from}, NATS from ${inWords(nats)}`);
  const prefix = `tollbooth_test_${randomBytes(4).toString("hex")}`;
  const templates = await makeTemplates(postgres.url, prefix);
  project.provide("servers", { postgresUrl: postgres.url, prefix, nats });
  return async () => {
    for (const template of templates) await administer(postgres.url, `drop database "${template}" with (force)`);
    await postgres.close();
  };
}

function inWords(source: NatsSource): string {
  if (source.kind === "url") return "NATS_URL";
  return source.kind === "program" ? source.path : "containers";
}

async function makeTemplates(postgresUrl: string, prefix: string): Promise<string[]> {
  const templates: string[] = [];
  for (const service of await readdir(SERVICES)) {
    const folder = fileURLToPath(new URL(`${service}/migrations/`, SERVICES));
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
