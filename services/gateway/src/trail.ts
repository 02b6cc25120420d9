/** What a request leaves behind: a span that its services' spans hang on, a line in the log, a request id. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, RequestListener } from "node:http";
import type { Log } from "@tollbooth/shared/log";
import { httpDuration } from "@tollbooth/shared/metrics";
import { inSpan, SpanKind, SpanStatusCode, traceIn } from "@tollbooth/shared/telemetry";
import type { Answer } from "./answer.ts";

/** Methods that are counted by name, so that nobody can make up series. */
const METHODS = new Set(["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"]);
const SANE_ID = /^[\w.:-]{1,128}$/;

/** Opens the span of a request, continuing the caller's trace, and logs a line when the answer has left. */
export function trail(log: Log, next: (req: IncomingMessage, res: Answer) => void): RequestListener {
  return (req, bare) => {
    const given = req.headers["x-request-id"];
    const requestId = typeof given === "string" && SANE_ID.test(given) ? given : randomUUID();
    const res: Answer = Object.assign(bare, { locals: { requestId } });
    res.setHeader("X-Request-Id", requestId);
    const startMs = performance.now();
    const method = req.method ?? "";
    const attributes = { "http.request.method": method, "url.scheme": "http" };
    void inSpan(
      method,
      { kind: SpanKind.SERVER, parent: traceIn((name) => req.headers[name]), attributes },
      async (span) => {
        const closed = new Promise<void>((resolve) => {
          res.once("close", resolve);
        });
        next(req, res);
        await closed;
        const { route, code } = res.locals;
        if (route !== undefined) span.updateName(`${method} ${route}`).setAttribute("http.route", route);
        span.setAttribute("http.response.status_code", res.statusCode);
        if (res.statusCode >= 500) {
          span.setAttribute("error.type", code ?? String(res.statusCode)).setStatus({ code: SpanStatusCode.ERROR });
        }
        httpDuration.observe(
          {
            http_request_method: METHODS.has(method) ? method : "_OTHER",
            http_route: route ?? "",
            http_response_status_code: res.statusCode,
          },
          (performance.now() - startMs) / 1000,
        );
        // Probes come every few seconds for ever, and a flood's refusals by the thousand: they would bury what users do.
        const isNoise = route?.startsWith("/health/") || code === "overloaded";
        log[isNoise ? "debug" : "info"](lineOf(req, res, startMs), "request");
      },
    );
  };
}

function lineOf(req: IncomingMessage, res: Answer, startMs: number): object {
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
