/** The addresses of the platform of this checkout, for programs that come to it from outside. */
import { HOME } from "./checkout.ts";
import { auditSetting, databaseSetting, databaseUrlsOf, forEachOwner, type DatabaseUrls } from "./databases.ts";
import { passwordsOf, readKept } from "./kept.ts";
import { keysOf } from "./servers.ts";

export interface Attached extends DatabaseUrls {
  readonly gatewayUrl: string;
  readonly natsUrl: string;
  /** The folder with the seeds of the broker's users; undefined where the broker takes anybody. */
  readonly natsKeys: string | undefined;
}

const GATEWAY_PORT = 8084;

/** Given addresses first, then those that `npm start` keeps. Throws one sentence where there is neither. */
export async function attach(env: NodeJS.ProcessEnv, folder = HOME): Promise<Attached> {
  const kept = await readKept(folder);
  const ours = kept && databaseUrlsOf(`postgres://127.0.0.1:${kept.postgresPort}`, passwordsOf(kept));
  const given = (setting: string, otherwise: string | undefined): string => {
    const address = env[setting] || otherwise;
    if (address === undefined)
      throw new Error(`There is no platform here yet: run npm start first, or set ${setting}.`);
    return address;
  };
  return {
    gatewayUrl: given("GATEWAY_URL", `http://127.0.0.1:${env["GATEWAY_PORT"] || (kept?.gatewayPort ?? GATEWAY_PORT)}`),
    natsUrl: given("NATS_URL", kept && `nats://127.0.0.1:${kept.natsPort}`),
    natsKeys: env["NATS_KEYS"] || (env["NATS_URL"] ? undefined : keysOf(folder)),
    databaseUrls: forEachOwner((owner) => given(databaseSetting(owner), ours?.databaseUrls[owner])),
    auditUrls: forEachOwner(
      (owner) => env[auditSetting(owner)] || given(databaseSetting(owner), ours?.auditUrls[owner]),
    ),
  };
}
