/** The API as an OpenAPI 3.1 document, made from the contracts: what a route takes, gives and refuses is said nowhere else. */
import type { Command, Route } from "@tollbooth/shared/contract";
import { SchemaBook, type JsonSchema } from "@tollbooth/shared/document";
import { HEADERS, IDEMPOTENCY_KEY, operationOf } from "./operation.ts";
import { outsidePaths } from "./outside.ts";
import { PROXY_REFUSAL, proxyPaths, type ProxyApi } from "./proxy-paths.ts";
import { PROBLEM, Refusals, type Kinds } from "./refusals.ts";

export interface Api {
  /** Where the routes of the contracts begin. */
  readonly prefix: string;
  /** What each service answers. */
  readonly commands: Readonly<Record<string, readonly Command[]>>;
  /** What each refusal is in HTTP. */
  readonly kinds: Kinds;
  /** Largest request body in bytes, where a contract does not say another. */
  readonly bodyMaxBytes: number;
  readonly proxy: ProxyApi;
}

export type Mounted = Command & { readonly http: Route };
type Paths = Record<string, Record<string, JsonSchema>>;

const ABOUT = `Credits and usage metering behind AI services. 1 credit is 1 USD.

- An amount is an exact decimal string of 12 places in answers. Times are RFC 3339 in UTC. Lists are bare arrays.
- No body means \`{}\`. Unknown fields are refused.
- A GET route answers HEAD as well. Another method is refused with 405 \`method_not_allowed\` and \`Allow\`.
- Every POST may be repeated with its \`Idempotency-Key\`: the same caller, key and content get the first answer again.
- A refusal is \`application/problem+json\` (RFC 9457); programs go by its \`code\`.
- A request may bring its \`X-Request-Id\`, and \`traceparent\` and \`tracestate\` of a trace that goes on.
- What is not even HTTP is refused with 400 \`malformed_request\`, 408 \`request_timeout\` or 431 \`headers_too_large\`.
- Services and admins are not counted by the rate limits, and get no \`RateLimit\` headers.`;

const TOKEN = `The user is \`sub\`; roles are in \`roles\`, \`role\` or \`realm_access.roles\`. Verified as RFC8725 asks: explicit algorithms,
issuer, audience, expiry.`;

/** The document. A function of its arguments. */
export function openapi({ prefix, commands, kinds, bodyMaxBytes, proxy }: Api): JsonSchema {
  const book = new SchemaBook();
  const refusals = new Refusals(kinds);
  const paths: Paths = {};
  for (const [tag, all] of Object.entries(commands)) {
    for (const command of all.filter(isMounted)) {
      const { method, path } = command.http;
      const operation = operationOf({ command, tag, book, refusals, bodyMaxBytes });
      paths[prefix + path] = { ...paths[prefix + path], [method]: operation };
    }
  }
  const ofProxy = proxyPaths(proxy, kinds, book);
  return {
    openapi: "3.1.1",
    info: {
      title: "Tollbooth",
      version: "0.1.0",
      summary: "Credits and usage metering behind AI services",
      description: ABOUT,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [
      { url: "/", description: "The gateway that serves this document, local or in production", "x-internal": false },
    ],
    tags: [
      ...Object.keys(commands).map((name) => ({ name, description: `What the ${name} service answers.` })),
      { name: "proxy", description: "OpenRouter for OpenAI's clients, metered." },
      { name: "platform", description: "Health, metrics and documents; without a token." },
    ],
    paths: { ...paths, ...ofProxy, ...outsidePaths(refusals) },
    components: {
      schemas: { Problem: PROBLEM, ProxyRefusal: PROXY_REFUSAL, ...book.named },
      parameters: { IdempotencyKey: IDEMPOTENCY_KEY },
      headers: HEADERS,
      responses: refusals.responses,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: TOKEN },
      },
    },
  };
}

function isMounted(command: Command): command is Mounted {
  return command.http !== undefined && command.access !== "internal";
}
