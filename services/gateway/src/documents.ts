/** The API's own description: as a document for programs, and as pages for people, with all that these need. */
import { Router, type Response } from "express";
import helmet from "helmet";
import { createRequire } from "node:module";
import type { Command } from "@tollbooth/shared/contract";
import { BODY_MAX_CHARACTERS } from "@tollbooth/shared/contracts/exchanges";
import type { JsonSchema } from "@tollbooth/shared/document";
import { statusOf } from "./openai-errors.ts";
import { openapi } from "./openapi.ts";
import { PROBLEMS } from "./problem.ts";
import { PROXY_PREFIX } from "./proxy-routes.ts";
import { BODY_MAX_BYTES, PREFIX } from "./rest.ts";

const DOCUMENT = "/openapi.json";
const PAGES = "/docs";
/** Files of Swagger UI that its pages load; no other of its folder is served. */
const ASSETS = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Tollbooth API</title>
    <link rel="icon" type="image/png" href="${PAGES}/favicon-32x32.png">
    <link rel="stylesheet" href="${PAGES}/swagger-ui.css">
  </head>
  <body>
    <div id="api"></div>
    <script src="${PAGES}/swagger-ui-bundle.js"></script>
    <script src="${PAGES}/start.js"></script>
  </body>
</html>
`;

/** Without an address for its validator, Swagger UI would send the document to its makers'. */
const START = `SwaggerUIBundle({ url: "${DOCUMENT}", dom_id: "#api", deepLinking: true, validatorUrl: null });\n`;

/** The API of these commands as this gateway serves it. */
export function apiDocument(commands: Readonly<Record<string, readonly Command[]>>): JsonSchema {
  const proxy = { prefix: PROXY_PREFIX, statusOf, bodyMaxBytes: BODY_MAX_CHARACTERS };
  return openapi({ prefix: PREFIX, commands, kinds: PROBLEMS, bodyMaxBytes: BODY_MAX_BYTES, proxy });
}

/** GET /openapi.json and GET /docs. The document's text is made once, when somebody asks for it: it takes 0.2 s. */
export function documentsRouter(documentOf: () => JsonSchema): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const { resolve } = createRequire(import.meta.url);
  let text: string | undefined;
  router.get(DOCUMENT, (_req, res) => {
    text ??= JSON.stringify(documentOf());
    told(res, DOCUMENT).type("application/json").send(text);
  });
  router.use(PAGES, pagePolicy);
  router.get(PAGES, (_req, res) => {
    told(res, PAGES).type("html").send(PAGE);
  });
  router.get(`${PAGES}/start.js`, (_req, res) => {
    told(res, PAGES).type("js").send(START);
  });
  for (const file of ASSETS) {
    const path = resolve(`swagger-ui-dist/${file}`);
    router.get(`${PAGES}/${file}`, (_req, res) => {
      told(res, PAGES).sendFile(path);
    });
  }
  return router;
}

/** A new gateway may have a new document. */
function told(res: Response, route: string): Response {
  res.locals.route = route;
  return res.set("Cache-Control", "no-cache");
}

/** Swagger UI sets styles on its elements, and its style sheet holds images. Nothing may come from another host. */
const pagePolicy = helmet.contentSecurityPolicy({
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", "data:"],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
});
