/** The addresses beside the API: probes, metrics and documents, for anybody. */
import type { FaultCode } from "@tollbooth/shared/fault";
import type { JsonSchema } from "@tollbooth/shared/document";
import { headerRefs, type Refusals } from "./refusals.ts";

interface Address {
  readonly path: string;
  readonly name: string;
  readonly summary: string;
  readonly answer: JsonSchema;
  readonly refusal?: FaultCode;
}

const PARTS = { type: "object", additionalProperties: { type: "string", enum: ["up", "down"] } };
const COUNTED = '# TYPE tollbooth_rate_limited_total counter\ntollbooth_rate_limited_total{limit="user"} 3\n';
const MEANT = "404 not_found\n\nThere is no such thing.\n\nThe address or the thing it names does not exist.\n";

// prettier-ignore
const ADDRESSES: readonly Address[] = [
  { path: "/health/live",     name: "live",    summary: "Whether the gateway is up",                  answer: json({ status: up("up") }, { status: "up" }) },
  { path: "/health/ready",    name: "ready",   summary: "Whether every part of the platform answers", answer: json({ status: up("ready"), parts: PARTS }, { status: "ready", parts: { broker: "up", credits: "up" } }), refusal: "unavailable" },
  { path: "/metrics",         name: "metrics", summary: "What the gateway counts, for Prometheus; 404 where GATEWAY_METRICS_PORT puts it elsewhere", answer: text("text/plain", COUNTED), refusal: "not_found" },
  { path: "/openapi.json",    name: "openapi", summary: "This document",                              answer: json({ openapi: { type: "string" } }, { openapi: "3.1.1" }) },
  { path: "/docs",            name: "docs",    summary: "This document, to read and to try",          answer: text("text/html", "<!doctype html>") },
  { path: "/problems/{code}", name: "problem", summary: "What a refusal means and what to do: the page that its `type` leads to", answer: text("text/plain", MEANT), refusal: "not_found" },
];

/** The paths themselves, as the document writes them. */
export const OUTSIDE: readonly string[] = ADDRESSES.map(({ path }) => path);

const CODE = {
  name: "code",
  in: "path",
  required: true,
  description: "The code of the refusal.",
  schema: { type: "string", maxLength: 64, pattern: "^[a-z_]+$" },
  example: "not_found",
};

/** Their paths in the document. */
export function outsidePaths(refusals: Refusals): Record<string, JsonSchema> {
  const paths = ADDRESSES.map(({ path, name, summary, answer, refusal }) => {
    const codes: FaultCode[] = refusal === undefined ? ["internal"] : [refusal, "internal"];
    const operation = {
      operationId: name,
      tags: ["platform"],
      summary,
      description: "Anybody may ask; a token is not read.",
      security: [],
      ...(path.endsWith("{code}") && { parameters: [CODE] }),
      responses: {
        200: { description: "It is here.", headers: headerRefs(["X-Request-Id"]), content: answer },
        ...refusals.of(codes, false),
      },
    };
    return [path, { get: operation }];
  });
  return Object.fromEntries(paths) as Record<string, JsonSchema>;
}

function up(value: string): JsonSchema {
  return { type: "string", const: value };
}

function json(properties: JsonSchema, example: object): JsonSchema {
  const schema = { type: "object", properties, required: Object.keys(properties), additionalProperties: true };
  return { "application/json": { schema, example } };
}

function text(type: string, example: string): JsonSchema {
  return { [type]: { schema: { type: "string" }, example } };
}
