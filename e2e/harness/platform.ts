/** The whole platform as processes, from what was built, in a folder of its own. */
import { readFile } from "node:fs/promises";
import { openDb, type Db } from "@tollbooth/shared/db";
import { findBroker, testFolder } from "@tollbooth/shared/testing/find";
import { openBroker } from "@tollbooth/shared/testing/nats";
import { startFakeOpenRouter } from "../../services/openrouter/src/fake.ts";
import { settings as coupons } from "../../services/coupons/src/config.ts";
import { settings as credits } from "../../services/credits/src/config.ts";
import { settings as gateway } from "../../services/gateway/src/config.ts";
import { settings as openrouter } from "../../services/openrouter/src/config.ts";
import { settings as usage } from "../../services/usage/src/config.ts";
import { rolesOf, type Owner } from "../../tools/src/databases.ts";
import { signingOf, type Signing } from "../../tools/src/jwt.ts";
import { readKept } from "../../tools/src/kept.ts";
import { Platform } from "../../tools/src/platform.ts";
import { dataOf } from "../../tools/src/servers.ts";
import { logOf } from "../../tools/src/service.ts";
import { refusalsIn } from "../../tools/src/testing/refusals.ts";
import { beginPrepared, SMALL_POOLS } from "./prepared.ts";

/** What a test needs to talk to a platform. */
export interface Reach {
  readonly gatewayUrl: string;
  readonly natsUrl: string;
  readonly natsKeys: string | undefined;
  readonly databaseUrls: Platform["databaseUrls"];
  readonly auditUrls: Platform["auditUrls"];
  readonly signing: Signing;
  /** The fake OpenRouter that the platform asks. */
  readonly openRouterUrl: string;
  /** Its data and logs; tools that are run with it for their home work for this platform. */
  readonly folder: string;
}

/** The page of an app that OpenRouter sends users back to; there is none. */
export const CALLBACK_URL = "https://app.example.com/connected";

/** A platform that its owner may also hurt. */
export interface Own {
  readonly platform: Platform;
  readonly reach: Reach;
  /** Stops it and removes its folder. Throws where the broker refused something: somebody lacked a right. */
  close(): Promise<void>;
}

/**
 * Starts a platform with these settings; the environment's own settings of our services mean nothing to it. It finds what
 * `begin` puts into its folder: databases that are made already, where nothing else is said.
 */
export async function openPlatform(
  name: string,
  env: NodeJS.ProcessEnv = {},
  begin: (folder: string) => Promise<void> = beginPrepared,
): Promise<Own> {
  const { folder, remove } = await testFolder(name);
  await begin(folder);
  const broker = await otherBroker();
  const fake = await startFakeOpenRouter();
  const settings = {
    ...unset(),
    ...SMALL_POOLS,
    ...(broker && { NATS_URL: broker.url }),
    OPENROUTER_BASE_URL: fake.url,
    OPENROUTER_CALLBACK_URL: CALLBACK_URL,
    ...env,
  };
  const close = async (platform?: Platform) => {
    await platform?.stop();
    await Promise.all([broker?.close(), fake.close()]);
    const refusals = await refusalsIn(logOf("nats", folder));
    await remove();
    if (refusals.length > 0) throw new Error(`the broker refused what was needed:\n${refusals.join("\n")}`);
  };
  try {
    const platform = await Platform.start({ folder, fsync: false, env: settings });
    const { gatewayUrl, natsUrl, natsKeys, databaseUrls, auditUrls } = platform;
    const addresses = { gatewayUrl, natsUrl, natsKeys, databaseUrls, auditUrls, openRouterUrl: fake.url };
    const reach = { ...addresses, folder, signing: await signingIn(folder) };
    return { platform, reach, close: () => close(platform) };
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

/** A database of the platform in a folder as its superuser sees it, for harms that no role of ours may do. */
export async function superuserUrl(folder: string, owner: Owner): Promise<string> {
  const kept = await readKept(folder);
  const password = (await readFile(`${dataOf(folder)}.password`, "utf8")).trim();
  return `postgres://postgres:${password}@127.0.0.1:${kept?.postgresPort}/${rolesOf(owner).database}`;
}

/** The same, open; the caller closes it. */
export async function superuserDb(folder: string, owner: Owner): Promise<Db> {
  return openDb({ url: await superuserUrl(folder, owner), name: "e2e", poolMax: 1 });
}

/** Where the superuser of the platform in a folder finds its Postgres: in the database that is nobody's. */
export async function serverUrl(folder: string): Promise<string> {
  const url = new URL(await superuserUrl(folder, "credits"));
  url.pathname = "/postgres";
  return url.href;
}

/** The same, open: one connection; the caller closes it. */
export async function serverDb(folder: string): Promise<Db> {
  return openDb({ url: await serverUrl(folder), name: "e2e", poolMax: 1 });
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
