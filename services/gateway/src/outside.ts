/** The addresses beside the API: probes, metrics and documents, for anybody. */
import type { JsonSchema } from "@tollbooth/shared/json-schema";
import { headerRefs, type Refusals } from "./refusals.ts";

const PARTS = { type: "object", additionalProperties: { type: "string", enum: ["up", "down"] } };

/** Their paths in the document. */
export function outsidePaths(refusals: Refusals): Record<string, JsonSchema> {
  const get = (operationId: string, summary: string, answer: JsonSchema, more: JsonSchema = {}) => ({
    get: {
      operationId,
      tags: ["platform"],
      summary,
      description: "Anybody may ask; a token is not read.",
      security: [],
      ...more,
      responses: {
        200: { description: "It is here.", headers: headerRefs(["X-Request-Id"]), content: answer },
        ...refusals.of(["internal"], false),
        ...(more["responses"] as object | undefined),
      },
    },
  });
  const text = (type: string, example: string) => ({ [type]: { schema: { type: "string" }, example } });
  const json = (schema: JsonSchema, example: object) => ({ "application/json": { schema, example } });
  return {
    "/health/live": get("live", "Whether the gateway is up", json(status("up"), { status: "up" })),
    "/health/ready": get(
      "ready",
      "Whether every part of the platform answers",
      json(status("ready", { parts: PARTS }), { status: "ready", parts: { broker: "up", credits: "up" } }),
      { responses: refusals.of(["unavailable"], false) },
    ),
    "/metrics": get(
      "metrics",
      "What the gateway counts, in Prometheus' text format; 404 where GATEWAY_METRICS_PORT puts it elsewhere",
      text("text/plain", '# TYPE tollbooth_rate_limited_total counter\ntollbooth_rate_limited_total{limit="user"} 3\n'),
      { responses: refusals.of(["not_found"], false) },
    ),
    "/openapi.json": get("openapi", "This document", json({ type: "object" }, { openapi: "3.1.1" })),
    "/docs": get("docs", "This document, to read and to try", text("text/html", "<!doctype html>")),
    "/problems/{code}": get(
      "problem",
      "What a refusal means and what to do: the page that its `type` leads to",
      text("text/plain", "404 not_found\n\nThere is no such thing.\n"),
      {
        parameters: [
          {
            name: "code",
            in: "path",
            required: true,
            description: "The code of the refusal.",
            schema: { type: "string", maxLength: 64, pattern: "^[a-z_]+$" },
            example: "not_found",
          },
        ],
        responses: refusals.of(["not_found"], false),
      },
    ),
  };
}

function status(value: string, more: Readonly<Record<string, JsonSchema>> = {}): JsonSchema {
  const properties = { status: { type: "string", const: value }, ...more };
  return { type: "object", properties, required: Object.keys(properties) };
}
