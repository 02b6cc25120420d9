/** Runs once before the end-to-end tests: one platform for all of them. */
import type { TestProject } from "vitest/node";
import { openPlatform, type Reach } from "./platform.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly platform: Reach;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const own = await openPlatform("e2e", { LOG_LEVEL: "warn" });
  project.provide("platform", own.reach);
  return () => own.close();
}
