/** What a request leaves behind: a span that its services' spans hang on, a line in the log, a request id. */
import type { Request, RequestHandler, Response } from "express";
import { randomUUID } from "node:crypto";
import type { Log } from "@tollbooth/shared/log";
import { httpDuration } from "@tollbooth/shared/metrics";
import { inSpan, SpanKind, SpanStatusCode, type TraceHeaders } from "@tollbooth/shared/telemetry";

declare global {
  namespace Express {
    /** What the rooms of the gateway tell each other of a request. */
    interface Locals {
      requestId: string;
      /** The route as the contract writes it: paths themselves may hold secrets, and are too many to count by. */
      route?: string;
      /** The code of a refusal. */
      code?: string;
    }
  }
}

/** Methods that are counted by name, so that nobody can make up series. */
const METHODS = new Set(["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"]);
const SANE_ID = /^[\w.:-]{1,128}$/;

/** Opens the span of a request, continuing the caller's trace, and logs a line when the answer has left. */
export function trail(log: Log): RequestHandler {
  return (req, res, next) => {
    const given = req.get("x-request-id");
    res.locals.requestId = given !== undefined && SANE_ID.test(given) ? given : randomUUID();
    res.set("X-Request-Id", res.locals.requestId);
    const startMs = performance.now();
    const attributes = { "http.request.method": req.method, "url.scheme": req.protocol };
    void inSpan(req.method, { kind: SpanKind.SERVER, parent: traceOf(req), attributes }, async (span) => {
      const closed = new Promise<void>((resolve) => {
        res.once("close", resolve);
      });
      next();
      await closed;
      const { route, code } = res.locals;
      if (route !== undefined) span.updateName(`${req.method} ${route}`).setAttribute("http.route", route);
      span.setAttribute("http.response.status_code", res.statusCode);
      if (res.statusCode >= 500) {
        span.setAttribute("error.type", code ?? String(res.statusCode)).setStatus({ code: SpanStatusCode.ERROR });
      }
      httpDuration.observe(
        {
          http_request_method: METHODS.has(req.method) ? req.method : "_OTHER",
          http_route: route ?? "",
          http_response_status_code: res.statusCode,
        },
        (performance.now() - startMs) / 1000,
      );
      // Probes come every few seconds for ever; they would bury what users do.
      log[route?.startsWith("/health/") ? "debug" : "info"](lineOf(req, res, startMs), "request");
    });
  };
}

function lineOf(req: Request, res: Response, startMs: number): object {
  return {
    method: req.method,
    route: res.locals.route,
    status: res.statusCode,
    code: res.locals.code,
    ms: Math.round((performance.now() - startMs) * 10) / 10,
    request_id: res.locals.requestId,
    ...(!res.writableFinished && { aborted: true }),
  };
}

function traceOf(req: Request): TraceHeaders {
  const headers: TraceHeaders = {};
  for (const name of ["traceparent", "tracestate"]) {
    const value = req.get(name);
    if (value !== undefined) headers[name] = value;
  }
  return headers;
}
