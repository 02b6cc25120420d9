/** The addresses of the platform of this checkout, for programs that come to it from outside. */
import { HOME } from "./checkout.ts";
import { auditSetting, databaseSetting, databaseUrlsOf, forEachOwner, type DatabaseUrls } from "./databases.ts";
import { natsUrlOf, passwordsOf, readKept } from "./kept.ts";
import { keysOf } from "./servers.ts";

export interface AttachedBroker {
  readonly natsUrl: string;
  /** The folder with the seeds of the broker's users; undefined where the broker takes anybody. */
  readonly natsKeys: string | undefined;
}

export interface Attached extends AttachedBroker, DatabaseUrls {
  readonly gatewayUrl: string;
}

const GATEWAY_PORT = 8084;

/** Given addresses first, then those that `npm start` keeps. Throws one sentence where there is neither. */
export async function attach(env: NodeJS.ProcessEnv, folder = HOME): Promise<Attached> {
  const kept = await readKept(folder);
  const ours = kept && databaseUrlsOf(`postgres://127.0.0.1:${kept.postgresPort}`, passwordsOf(kept));
  const given = (setting: string, otherwise: string | undefined) => addressIn(env, setting, otherwise);
  return {
    gatewayUrl: given("GATEWAY_URL", `http://127.0.0.1:${env["GATEWAY_PORT"] || (kept?.gatewayPort ?? GATEWAY_PORT)}`),
    ...(await attachBroker(env, folder)),
    databaseUrls: forEachOwner((owner) => given(databaseSetting(owner), ours?.databaseUrls[owner])),
    auditUrls: forEachOwner(
      (owner) => env[auditSetting(owner)] || given(databaseSetting(owner), ours?.auditUrls[owner]),
    ),
  };
}

/** The same of the broker alone, for programs that need nothing else. */
export async function attachBroker(env: NodeJS.ProcessEnv, folder = HOME): Promise<AttachedBroker> {
  const kept = await readKept(folder);
  return {
    natsUrl: addressIn(env, "NATS_URL", kept && natsUrlOf(kept)),
    natsKeys: env["NATS_KEYS"] || (env["NATS_URL"] ? undefined : keysOf(folder)),
  };
}

function addressIn(env: NodeJS.ProcessEnv, setting: string, otherwise: string | undefined): string {
  const address = env[setting] || otherwise;
  if (address !== undefined) return address;
  throw new Error(`There is no platform here yet: run npm start first, or set ${setting}.`);
}
