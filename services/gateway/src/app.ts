/** The HTTP application: what every request passes, in order. */
import cors from "cors";
import express, { type Express, type Request, type RequestHandler, type Response } from "express";
import helmet from "helmet";
import type { Bus } from "@tollbooth/shared/bus";
import type { Caller, Command } from "@tollbooth/shared/contract";
import { Fault } from "@tollbooth/shared/fault";
import type { Log } from "@tollbooth/shared/log";
import { METRICS_TYPE, metricsText } from "@tollbooth/shared/metrics";
import type { Auth } from "./auth.ts";
import type { GatewayConfig } from "./config.ts";
import { apiDocument, documentsRouter } from "./documents.ts";
import { healthRouter } from "./health.ts";
import { Guesses } from "./guesses.ts";
import { Limit, network } from "./limits.ts";
import { problemHandler, problemPage } from "./problem.ts";
import { PROXY_PREFIX, proxyRouter } from "./proxy-routes.ts";
import { PREFIX, restRouter, type Rest } from "./rest.ts";
import { trail } from "./trail.ts";

/** Wrong guesses are forgotten after a minute. */
const GUESSES_WINDOW_S = 60;

export interface Parts {
  readonly config: Pick<
    GatewayConfig,
    | "CORS_ORIGINS"
    | "REQUEST_TIMEOUT_MS"
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
export function buildApp({ config, bus, auth, log, commands }: Parts): Express {
  const app = express();
  app.set("trust proxy", config.TRUST_PROXY).set("query parser", false).disable("x-powered-by").disable("etag");
  app.use(trail(log), helmet());
  if (config.CORS_ORIGINS.length > 0) app.use(cors(corsOptions(config.CORS_ORIGINS)));
  app.use(healthRouter(bus, Object.keys(commands)));
  if (config.GATEWAY_METRICS_PORT === undefined) app.get("/metrics", metrics);
  app.get("/problems/:code", problemPage);
  app.use(documentsRouter(apiDocument(commands)));
  const rest = { bus, commands: Object.values(commands).flat(), requestTimeoutMs: config.REQUEST_TIMEOUT_MS };
  const guesses = new Guesses(config.RATE_LIMIT_GUESSES, GUESSES_WINDOW_S);
  const admit = door(auth, config);
  app.use(PREFIX, restRouter({ ...rest, guesses, admit }));
  app.use(PROXY_PREFIX, proxyRouter({ bus, log, admit, requestTimeoutMs: config.REQUEST_TIMEOUT_MS }));
  app.use(() => {
    throw new Fault("not_found", "nothing is at this address", { fix: `the API is at ${PREFIX}` });
  });
  app.use(problemHandler(log));
  return app;
}

/** What this process counts. With a port of its own for it, clients of the API do not see it. */
const metrics: RequestHandler = async (_req, res) => {
  res.locals.route = "/metrics";
  res
    .set("Cache-Control", "no-store")
    .type(METRICS_TYPE)
    .send(await metricsText());
};

/**
 * Who may come in. An address is counted before a token is verified, so that bad tokens cannot keep the processor busy;
 * services and admins, once verified, are not counted at all.
 */
function door(auth: Auth, config: Parts["config"]): Rest["admit"] {
  const users = new Limit("user", config.RATE_LIMIT_USER, config.RATE_LIMIT_WINDOW_S);
  const addresses = new Limit("address", config.RATE_LIMIT_ADDRESS, config.RATE_LIMIT_WINDOW_S);
  return async (req: Request, res: Response) => {
    const { authorization } = req.headers;
    const known = authorization === undefined ? undefined : auth.known(authorization);
    if (known !== undefined && isTrusted(known)) return known;
    await addresses.count(network(req.ip ?? ""), res);
    if (authorization === undefined) return undefined;
    const caller = known ?? (await auth.verify(authorization));
    if (!isTrusted(caller)) await users.count(caller.sub, res);
    return caller;
  };
}

function isTrusted({ roles }: Caller): boolean {
  return roles.includes("service") || roles.includes("admin");
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
