/** The platform that the demo runs on: the one whose address is given, the one of this checkout, or one of its own. */
import type { Role } from "@tollbooth/shared/contract";
import { startFakeOpenRouter } from "@tollbooth/openrouter/fake";
import { until } from "@tollbooth/shared/local/condition";
import { attach, type Attached } from "../attach.ts";
import { claimant } from "../claim.ts";
import { signingOf, signToken } from "../jwt.ts";
import { readKept } from "../kept.ts";
import { Platform } from "../platform.ts";

export interface Reached extends Attached {
  /** How it was come by, for people. */
  readonly how: string;
  readonly tokenFor: (sub: string, roles: readonly Role[]) => Promise<string>;
  /** Puts the books' clock so far ahead of now; only where the platform is the demo's own. */
  readonly forward?: (aheadS: number) => Promise<void>;
  /** Whether the platform's proxy asks a fake OpenRouter of the demo's own, which takes every key and costs nothing. */
  readonly hasProxy: boolean;
  /** Ends what was started for the demo, and nothing else. */
  readonly stop: () => Promise<void>;
}

export interface ReachOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Where a platform of this checkout lives. */
  readonly folder: string;
  readonly tell: (sentence: string) => void;
}

const READY_WITHIN_MS = 45_000;
const TOKEN_TTL_S = 3600;

/** Settles when the platform takes requests. Throws one sentence where there is none to be had. */
export async function reach({ env, folder, tell }: ReachOptions): Promise<Reached> {
  if (env.AUTH_JWKS_URL) throw new Error("The demo makes its own users: it needs AUTH_JWT_SECRET, not AUTH_JWKS_URL.");
  if (env.GATEWAY_URL) return visit(env, folder, `the platform at ${env.GATEWAY_URL}`);
  if ((await claimant(folder)) !== undefined) return visit(env, folder, "the platform that runs in this checkout");
  const fake = await startFakeOpenRouter();
  const openRouter = { OPENROUTER_BASE_URL: fake.url, OPENROUTER_API_KEY: "sk-or-v1-demo-managed" };
  const platform = await Platform.start({ folder, env: { ...env, ...openRouter }, tell });
  const { gatewayUrl, natsUrl, natsKeys, databaseUrls, auditUrls } = platform;
  return {
    gatewayUrl,
    natsUrl,
    natsKeys,
    databaseUrls,
    auditUrls,
    how: "a platform of its own",
    tokenFor: async (sub, roles) => platform.tokenFor(sub, roles),
    forward: async (aheadS) => {
      await platform.restart("credits", { CREDITS_CLOCK_AHEAD_S: String(aheadS) });
      await platform.ready();
    },
    hasProxy: true,
    stop: async () => {
      await platform.stop();
      await fake.close();
    },
  };
}

/** Somebody else's platform, which may still be starting. */
async function visit(env: NodeJS.ProcessEnv, folder: string, how: string): Promise<Reached> {
  const kept = await readKept(folder);
  const signing = signingOf({ AUTH_JWT_SECRET: kept?.jwtSecret, ...env });
  if (signing === undefined) throw new Error("AUTH_JWT_SECRET is needed to make tokens that this platform takes.");
  const attached = await attach(env, folder);
  if (!(await until(async () => isReady(attached.gatewayUrl), READY_WITHIN_MS))) {
    throw new Error(`The platform at ${attached.gatewayUrl} is not ready after ${READY_WITHIN_MS / 1000} s.`);
  }
  return {
    ...attached,
    how,
    hasProxy: false,
    tokenFor: async (sub, roles) => signToken(signing, sub, roles, TOKEN_TTL_S),
    stop: async () => {},
  };
}

async function isReady(gatewayUrl: string): Promise<boolean> {
  return fetch(`${gatewayUrl}/health/ready`, { signal: AbortSignal.timeout(2000) }).then(
    (answer) => answer.ok,
    () => false,
  );
}
