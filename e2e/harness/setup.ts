/** Runs once before the end-to-end tests: one platform for all of them. */
import type { TestProject } from "vitest/node";
import { freePort } from "@tollbooth/shared/local/ports";
import { newKey } from "./openrouter.ts";
import { openPlatform, type Reach } from "./platform.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly platform: Reach;
    /** Where each service tells what it counts. */
    readonly metricsPorts: Readonly<Record<"credits" | "usage" | "coupons" | "openrouter", number>>;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const metricsPorts = {
    credits: await freePort(),
    usage: await freePort(),
    coupons: await freePort(),
    openrouter: await freePort(),
  };
  const ports = Object.entries(metricsPorts).map(([name, port]) => [
    `${name.toUpperCase()}_METRICS_PORT`,
    String(port),
  ]);
  const env = {
    LOG_LEVEL: "warn",
    OPENROUTER_API_KEY: newKey("managed"),
    ...(Object.fromEntries(ports) as NodeJS.ProcessEnv),
  };
  // From nothing: no test's databases are prepared yet.
  const own = await openPlatform("e2e", env, async () => {});
  project.provide("platform", own.reach);
  project.provide("metricsPorts", metricsPorts);
  return () => own.close();
}
