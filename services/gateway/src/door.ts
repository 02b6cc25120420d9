/** Who may come in, and how often. */
import type { IncomingMessage, ServerResponse } from "node:http";
import proxyaddr from "proxy-addr";
import type { Caller } from "@tollbooth/shared/contract";
import type { Auth } from "./auth.ts";
import type { GatewayConfig } from "./config.ts";
import { Limit, network } from "./limits.ts";

type Settings = Pick<GatewayConfig, "RATE_LIMIT_USER" | "RATE_LIMIT_ADDRESS" | "RATE_LIMIT_WINDOW_S" | "TRUST_PROXY">;

/**
 * Lets requests in: who asks, if he says so. An address is counted before a token is verified, so that bad tokens cannot
 * keep the processor busy; services and admins, once verified, are not counted at all.
 */
export function openDoor(
  auth: Auth,
  settings: Settings,
): (req: IncomingMessage, res: ServerResponse) => Promise<Caller | undefined> {
  const users = new Limit("user", settings.RATE_LIMIT_USER, settings.RATE_LIMIT_WINDOW_S);
  const addresses = new Limit("address", settings.RATE_LIMIT_ADDRESS, settings.RATE_LIMIT_WINDOW_S);
  const isProxy = (_: string, hop: number) => hop < settings.TRUST_PROXY;
  return async (req, res) => {
    const { authorization } = req.headers;
    const known = authorization === undefined ? undefined : auth.known(authorization);
    if (known !== undefined && isTrusted(known)) return known;
    await addresses.count(network(proxyaddr(req, isProxy)), res);
    if (authorization === undefined) return undefined;
    const caller = known ?? (await auth.verify(authorization));
    if (!isTrusted(caller)) await users.count(caller.sub, res);
    return caller;
  };
}

function isTrusted({ roles }: Caller): boolean {
  return roles.includes("service") || roles.includes("admin");
}
