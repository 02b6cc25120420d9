/** Runs once before tests that have platforms of their own: one is started from nothing, and each of them begins with what it made. */
import type { TestProject } from "vitest/node";
import { openPlatform } from "./platform.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of a platform that was started once and has ended. */
    readonly prepared: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Prices of a fake OpenRouter are nobody's but its own platform's.
  const own = await openPlatform(
    "prepared",
    { OPENROUTER_BASE_URL: process.env["OPENROUTER_BASE_URL"] },
    async () => {},
  );
  await own.platform.stop();
  project.provide("prepared", own.reach.folder);
  return () => own.close();
}
