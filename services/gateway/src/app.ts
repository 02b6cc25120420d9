/** The HTTP application: what every request passes, in order, until its ways part. */
import cors from "cors";
import helmet from "helmet";
import { IncomingMessage, ServerResponse, type RequestListener } from "node:http";
import { Socket } from "node:net";
import type { Bus } from "@tollbooth/shared/bus";
import type { Command } from "@tollbooth/shared/contract";
import { Fault } from "@tollbooth/shared/fault";
import type { Log } from "@tollbooth/shared/log";
import type { Answer } from "./answer.ts";
import type { Auth } from "./auth.ts";
import type { GatewayConfig } from "./config.ts";
import { openDoor } from "./door.ts";
import { Guesses } from "./guesses.ts";
import { buildPages } from "./pages.ts";
import { refuser } from "./problem.ts";
import { proxyHandler } from "./proxy-routes.ts";
import { PREFIX, restHandler } from "./rest.ts";
import { trail } from "./trail.ts";

/** Wrong guesses are forgotten after a minute. */
const GUESSES_WINDOW_S = 60;

export interface Parts {
  readonly config: Pick<
    GatewayConfig,
    | "CORS_ORIGINS"
    | "REQUEST_TIMEOUT_MS"
    | "REQUESTS_IN_HAND_MAX"
    | "RATE_LIMIT_USER"
    | "RATE_LIMIT_ADDRESS"
    | "RATE_LIMIT_GUESSES"
    | "RATE_LIMIT_WINDOW_S"
    | "TRUST_PROXY"
    | "GATEWAY_METRICS_PORT"
  >;
  readonly bus: Pick<Bus, "ask" | "forward" | "connected" | "ping">;
  readonly auth: Auth;
  readonly log: Log;
  /** What each service answers. */
  readonly commands: Readonly<Record<string, readonly Command[]>>;
}

/** Builds the application; it listens nowhere yet. */
export function buildApp({ config, bus, auth, log, commands }: Parts): RequestListener {
  const refuse = refuser(log);
  const admit = openDoor(auth, config);
  const pages = buildPages({ bus, commands, withMetrics: config.GATEWAY_METRICS_PORT === undefined, refuse });
  const api = restHandler({
    bus,
    commands,
    requestTimeoutMs: config.REQUEST_TIMEOUT_MS,
    inHandMax: config.REQUESTS_IN_HAND_MAX,
    guesses: new Guesses(config.RATE_LIMIT_GUESSES, GUESSES_WINDOW_S),
    admit,
    refuse,
  });
  const proxy = proxyHandler({ bus, log, admit, refuse, requestTimeoutMs: config.REQUEST_TIMEOUT_MS });
  const route = (req: IncomingMessage, res: Answer) => {
    req.url = localPart(req.url ?? "");
    // What is no path is nothing that Express would have an answer of ours for.
    if (!req.url.startsWith("/")) refuse(new Fault("not_found", "nothing is at this address"), res);
    else if (req.url.startsWith(`${PREFIX}/`)) api(req, res);
    else if (!proxy(req, res)) pages(req, res);
  };
  const fromPages = config.CORS_ORIGINS.length > 0 ? cors(corsOptions(config.CORS_ORIGINS)) : undefined;
  const protection = protectingHeaders();
  return trail(log, (req, res) => {
    for (const [name, value] of protection) res.setHeader(name, value);
    if (fromPages === undefined) route(req, res);
    else fromPages(req, res, () => route(req, res));
  });
}

/** An address may be sent whole, as to a proxy (RFC 9112, 3.2.2). */
function localPart(url: string): string {
  if (url.startsWith("/") || !URL.canParse(url)) return url;
  const { pathname, search } = new URL(url);
  return pathname + search;
}

/** The headers that helmet would set anew for each answer. */
function protectingHeaders(): Map<string, string> {
  const request = new IncomingMessage(new Socket());
  const answer = new ServerResponse(request);
  helmet()(request, answer, () => {});
  return new Map(Object.entries(answer.getHeaders()).map(([name, value]) => [name, String(value)]));
}

const ALLOWED_HEADERS = [
  "Authorization",
  "Content-Type",
  "Idempotency-Key",
  "X-Request-Id",
  "X-Tollbooth-Key",
  "Traceparent",
  "Tracestate",
];
const EXPOSED_HEADERS = [
  "Idempotency-Replayed",
  "Link",
  "RateLimit",
  "RateLimit-Policy",
  "Retry-After",
  "X-Request-Id",
  ...["Affordable-Tokens", "Balance", "Cost", "Free", "Key", "Request-Id"].map((name) => `X-Tollbooth-${name}`),
];

function corsOptions(origins: readonly string[]): cors.CorsOptions {
  return {
    origin: [...origins],
    methods: ["GET", "POST", "DELETE"],
    allowedHeaders: [...ALLOWED_HEADERS],
    exposedHeaders: [...EXPOSED_HEADERS],
    maxAge: 600,
  };
}
