/** A gateway on a port of its own before a real broker, with whatever services a test gives it. */
import { SignJWT } from "jose";
import { hostname } from "node:os";
import { onTestFinished } from "vitest";
import { openBus } from "@tollbooth/shared/bus";
import type { Ask, Command } from "@tollbooth/shared/contract";
import { commands as allCommands } from "@tollbooth/shared/contracts/all";
import { Reply, type Endpoint } from "@tollbooth/shared/handler";
import { openLog } from "@tollbooth/shared/log";
import { buildApp, type Parts } from "../app.ts";
import { openAuth } from "../auth.ts";
import { readGatewayConfig } from "../config.ts";
import { close, listen, urlOf } from "../server.ts";

export const SECRET = "dev-secret-of-at-least-32-characters";
export const API = "/api/v1/credits";

/** What a test's service was asked. */
export interface Asked {
  readonly body: string;
  readonly ask: Ask;
}

/** Answers a command with what `reply` makes of the raw body. */
export function endpoint(contract: Command, reply: (asked: Asked) => Reply | Promise<Reply>): Endpoint {
  return { contract, answer: async (body, ask) => reply({ body: Buffer.from(body).toString("utf8"), ask }) };
}

/** Answers a command with the body and all that came with it. */
export function echo(contract: Command): Endpoint {
  return endpoint(contract, (asked) => new Reply(JSON.stringify(asked)));
}

/** The body of an answer as JSON, taken to be a T. */
export async function bodyOf<T = { code: string }>(answer: Response): Promise<T> {
  return (await answer.json()) as T;
}

interface Options {
  readonly natsUrl: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly endpoints?: readonly Endpoint[];
  readonly commands?: Parts["commands"];
  /** Where log lines go; nowhere by default. */
  readonly log?: Parts["log"];
}

/** Starts it for the running test; it is closed when the test has ended. */
export async function startGateway({ natsUrl, env, endpoints = [], commands = allCommands, log }: Options) {
  const config = readGatewayConfig({ AUTH_JWT_SECRET: SECRET, ...env });
  const silent = openLog("test", "silent");
  const service = await openBus({ url: natsUrl, name: `service-${hostname()}`, log: silent });
  await service.serve("credits", endpoints);
  // A subscription is known to the broker once it has answered something that came after it.
  await service.connection.flush();
  const bus = await openBus({ url: natsUrl, name: "gateway", log: silent });
  const server = await listen(
    buildApp({ config, bus, auth: openAuth(config), log: log ?? silent, commands }),
    "127.0.0.1",
    0,
  );
  onTestFinished(async () => {
    await close(server);
    await bus.close();
    await service.close();
  });
  return { url: urlOf(server), api: urlOf(server) + API, server, bus, service };
}

/** A token of the shared secret: a plain user's, unless the claims say otherwise. A claim of `undefined` is left out. */
export async function token(claims: Record<string, unknown> = {}, secret = SECRET): Promise<string> {
  const nowS = Math.floor(Date.now() / 1000);
  const payload = { sub: "alice", iss: "tollbooth", aud: "tollbooth", exp: nowS + 600, ...claims };
  return new SignJWT(payload).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(secret));
}

/** The header of a user with these roles. */
export async function bearer(sub: string, ...roles: string[]): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await token({ sub, roles })}` };
}
