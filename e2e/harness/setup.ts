/** Runs once before the end-to-end tests: the whole platform as processes, from what was built, in a folder of its own. */
import { findBroker, testFolder } from "@tollbooth/shared/testing/find";
import { openBroker } from "@tollbooth/shared/testing/nats";
import type { TestProject } from "vitest/node";
import type { Signing } from "../../tools/src/jwt.ts";
import { Platform } from "../../tools/src/platform.ts";

/** What a test file needs to talk to the platform. */
export interface Reach {
  readonly gatewayUrl: string;
  readonly natsUrl: string;
  readonly databaseUrls: Platform["databaseUrls"];
  readonly signing: Signing;
}

declare module "vitest" {
  interface ProvidedContext {
    readonly platform: Reach;
  }
}

const SIGNING: Signing = {
  secret: "dev-end-to-end-tests-of-tollbooth-only",
  issuer: "tollbooth",
  audience: "tollbooth",
};

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { folder, remove } = await testFolder("e2e");
  const broker = await otherBroker();
  const platform = await Platform.start({ folder, fsync: false, env: environment(broker?.url), tell: console.log });
  const { gatewayUrl, natsUrl, databaseUrls } = platform;
  project.provide("platform", { gatewayUrl, natsUrl, databaseUrls, signing: SIGNING });
  return async () => {
    await platform.stop();
    await broker?.close();
    await remove();
  };
}

/** Where there is no nats-server for the platform to start, what the integration tests use. */
async function otherBroker() {
  const source = await findBroker();
  return source.kind === "program" ? undefined : openBroker(source);
}

/** Never the developer's own databases and broker, and a limit that hundreds of requests a second do not meet. */
function environment(natsUrl: string | undefined): NodeJS.ProcessEnv {
  const { CREDITS_DATABASE_URL: _credits, USAGE_DATABASE_URL: _usage, NATS_URL: _nats, ...env } = process.env;
  return {
    ...env,
    ...(natsUrl !== undefined && { NATS_URL: natsUrl }),
    AUTH_JWT_SECRET: SIGNING.secret,
    AUTH_ISSUER: SIGNING.issuer,
    AUTH_AUDIENCE: SIGNING.audience,
    LOG_LEVEL: "warn",
  };
}
