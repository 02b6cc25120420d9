/** What is served beside the API, for people and for machines that watch: Express is the way in. */
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import type { Bus } from "@tollbooth/shared/bus";
import type { Command } from "@tollbooth/shared/contract";
import { Fault } from "@tollbooth/shared/fault";
import { METRICS_TYPE, metricsText } from "@tollbooth/shared/metrics";
import type { Answer, Locals as Told } from "./answer.ts";
import { apiDocument, documentsRouter } from "./documents.ts";
import { healthRouter } from "./health.ts";
import { pathOf } from "./input.ts";
import { OUTSIDE } from "./outside.ts";
import { problemPage } from "./problem.ts";
import { otherMethod, PREFIX } from "./rest.ts";
import { Routes } from "./routes.ts";

declare global {
  namespace Express {
    interface Locals extends Told {}
  }
}

interface Parts {
  readonly bus: Pick<Bus, "connected" | "ping">;
  /** What each service answers. */
  readonly commands: Readonly<Record<string, readonly Command[]>>;
  /** Whether this port tells what the process counts. */
  readonly withMetrics: boolean;
  readonly refuse: (thrown: unknown, res: Answer) => void;
}

/** Health, metrics, problems and documents; whatever else is asked for is not there. */
export function buildPages({ bus, commands, withMetrics, refuse }: Parts): Express {
  const pages = express();
  pages.set("query parser", false).disable("x-powered-by").disable("etag");
  // As everywhere: an address in capitals, or with a slash behind, is another one.
  pages.enable("case sensitive routing").enable("strict routing");
  const places = new Routes<string>();
  for (const path of OUTSIDE) places.add("GET", path, path);
  pages.use((req, res, next) => {
    const place = places.at(pathOf(req));
    // Express would answer OPTIONS by itself.
    if (place !== undefined && !place.methods.includes(req.method)) throw otherMethod(place.methods, req, res);
    // No answer has a tag: it is never the one that somebody has already, whatever he says.
    delete req.headers["if-none-match"];
    next();
  });
  pages.use(healthRouter(bus, Object.keys(commands)));
  if (withMetrics) pages.get("/metrics", metrics);
  pages.get("/problems/:code", problemPage);
  pages.use(documentsRouter(() => apiDocument(commands)));
  pages.use(() => {
    throw new Fault("not_found", "nothing is at this address", { fix: `the API is at ${PREFIX}` });
  });
  const lastStop: ErrorRequestHandler = (thrown: unknown, _req, res, _next) => refuse(thrown, res);
  pages.use(lastStop);
  return pages;
}

/** What this process counts. With a port of its own for it, clients of the API do not see it. */
const metrics: RequestHandler = async (_req, res) => {
  res.locals.route = "/metrics";
  res
    .set("Cache-Control", "no-store")
    .type(METRICS_TYPE)
    .send(await metricsText());
};
