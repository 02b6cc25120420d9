/** The whole platform as processes, from what was built, in a folder of its own. */
import { findBroker, testFolder } from "@tollbooth/shared/testing/find";
import { openBroker } from "@tollbooth/shared/testing/nats";
import { startFakeOpenRouter } from "../../services/openrouter/src/fake.ts";
import { settings as coupons } from "../../services/coupons/src/config.ts";
import { settings as credits } from "../../services/credits/src/config.ts";
import { settings as gateway } from "../../services/gateway/src/config.ts";
import { settings as openrouter } from "../../services/openrouter/src/config.ts";
import { settings as usage } from "../../services/usage/src/config.ts";
import { signingOf, type Signing } from "../../tools/src/jwt.ts";
import { readKept } from "../../tools/src/kept.ts";
import { Platform } from "../../tools/src/platform.ts";

/** What a test needs to talk to a platform. */
export interface Reach {
  readonly gatewayUrl: string;
  readonly natsUrl: string;
  readonly databaseUrls: Platform["databaseUrls"];
  readonly signing: Signing;
  /** The fake OpenRouter that the platform asks. */
  readonly openRouterUrl: string;
}

/** A platform that its owner may also hurt. */
export interface Own {
  readonly platform: Platform;
  readonly reach: Reach;
  /** Its data and logs. */
  readonly folder: string;
  /** Stops it and removes its folder. */
  close(): Promise<void>;
}

/** Starts a platform with these settings; the environment's own settings of our services mean nothing to it. */
export async function openPlatform(name: string, env: NodeJS.ProcessEnv = {}): Promise<Own> {
  const { folder, remove } = await testFolder(name);
  const broker = await otherBroker();
  const fake = await startFakeOpenRouter();
  const settings = { ...unset(), ...(broker && { NATS_URL: broker.url }), OPENROUTER_BASE_URL: fake.url, ...env };
  const close = async (platform?: Platform) => {
    await platform?.stop();
    await Promise.all([broker?.close(), fake.close()]);
    await remove();
  };
  try {
    const platform = await Platform.start({ folder, fsync: false, env: settings });
    const { gatewayUrl, natsUrl, databaseUrls } = platform;
    const openRouterUrl = fake.url;
    const reach = { gatewayUrl, natsUrl, databaseUrls, openRouterUrl, signing: await signingIn(folder) };
    return { platform, reach, folder, close: () => close(platform) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What a platform's own tokens are signed with. */
export async function signingIn(folder: string): Promise<Signing> {
  const kept = await readKept(folder);
  const signing = signingOf({ AUTH_JWT_SECRET: kept?.jwtSecret });
  if (signing === undefined) throw new Error(`no platform has been in ${folder}`);
  return signing;
}

/** The environment without any setting of our services, except that no OpenRouter is reached. */
export function unset(): NodeJS.ProcessEnv {
  const known = new Set(Object.keys({ ...coupons, ...credits, ...gateway, ...openrouter, ...usage }));
  known.delete("OPENROUTER_BASE_URL");
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !known.has(name)));
}

/** Where there is no nats-server for the platform to start, what the integration tests use. */
async function otherBroker() {
  const source = await findBroker();
  return source.kind === "program" ? undefined : openBroker(source);
}
