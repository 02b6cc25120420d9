import { expect, test } from "vitest";
import { z } from "zod";
import { command } from "@tollbooth/shared/contract";
import { commands } from "@tollbooth/shared/contracts/all";
import type { FaultCode } from "@tollbooth/shared/fault";
import { statusOf } from "./openai-errors.ts";
import { openapi } from "./openapi.ts";
import { PROBLEMS } from "./problem.ts";

interface Operation {
  readonly operationId: string;
  readonly security: object[];
  readonly parameters?: { readonly name?: string; readonly in?: string; readonly $ref?: string }[];
  readonly requestBody?: { readonly required: boolean };
  readonly responses: Readonly<Record<string, object>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const PREFIX = "/api/v1/credits";
const proxy = { prefix: "/api/v1", statusOf, bodyMaxBytes: 8_000_000 };
const made = (of: typeof commands | Parameters<typeof openapi>[0]["commands"]) =>
  openapi({ prefix: PREFIX, commands: of, kinds: PROBLEMS, bodyMaxBytes: 100_000, proxy }) as unknown as Document;
const document = made(commands);
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ route: `${method} ${path}`, operation })),
);
const routes = Object.values(commands)
  .flat()
  .flatMap(({ http, access }) => (http && access !== "internal" ? [`${http.method} ${PREFIX}${http.path}`] : []));
const operationAt = (route: string) => operations.find((one) => one.route === route)?.operation;

test("every route of a contract is in the document, and no other below the prefix", () => {
  const documented = operations.map(({ route }) => route).filter((route) => route.includes(PREFIX));
  expect(documented.toSorted()).toEqual(routes.toSorted());
});

test("the proxy's addresses are in the document, with each refusal under the status that it comes with", () => {
  const statuses = [400, 401, 402, 403, 409, 413, 415, 422, 429, 500, 503, 504].map(String);
  for (const route of ["post /api/v1/chat/completions", "post /api/v1/embeddings"])
    expect([route, Object.keys(operationAt(route)?.responses ?? {})]).toEqual([route, ["200", ...statuses]]);
  expect(operationAt("get /api/v1/models")?.responses).toHaveProperty("200");
});

test("what is over NATS only is not in the document", () => {
  expect(JSON.stringify(document)).not.toContain("credits.hold.create");
});

test("operations have names of their own", () => {
  const names = operations.map(({ operation }) => operation.operationId);
  expect(new Set(names).size).toBe(names.length);
});

test("every reference leads somewhere", () => {
  const references = new Set(JSON.stringify(document).match(/(?<="\$ref":")[^"]+/g));
  const leadsNowhere = [...references].filter((reference) => {
    const found = reference
      .replace("#/", "")
      .split("/")
      .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], document);
    return found === undefined;
  });
  expect(references.size).toBeGreaterThan(20);
  expect(leadsNowhere).toEqual([]);
});

test("a token is needed where the contract says so", () => {
  expect(operationAt(`get ${PREFIX}/balance`)?.security).toEqual([{ bearer: [] }]);
  expect(operationAt(`get ${PREFIX}/tiers/compare`)?.security).toEqual([{}, { bearer: [] }]);
});

test("a POST has a body and may be repeated with a key; others state all in the query and the path", () => {
  for (const { route, operation } of operations.filter((one) => routes.includes(one.route))) {
    const isPost = route.startsWith("post ");
    const places = operation.parameters?.map((one) => one.in ?? one.$ref) ?? [];
    expect([route, operation.requestBody !== undefined]).toEqual([route, isPost]);
    if (isPost) expect([route, places]).toEqual([route, ["#/components/parameters/IdempotencyKey"]]);
    else expect(places.every((place) => place === "query" || place === "path")).toBe(true);
  }
});

const thing = (faults: readonly FaultCode[], more: object = {}) =>
  command({
    subject: "test.thing",
    summary: "for this test",
    access: ["user"],
    http: { method: "get", path: "/thing" },
    input: z.strictObject({ n: z.number().optional() }),
    output: z.object({ it: z.json() }),
    faults,
    ...more,
  });

// prettier-ignore
test.each([
  { name: "of every command",                     of: thing([]),                                             statuses: [401, 403, 422, 429, 500, 503, 504] },
  { name: "of its own",                           of: thing(["insufficient_credits", "coupon_expired"]),     statuses: [401, 402, 403, 410, 422, 429, 500, 503, 504] },
  { name: "that come with a body",                of: thing([], { http: { method: "post", path: "/thing" } }), statuses: [400, 401, 403, 413, 415, 422, 429, 500, 503, 504] },
  { name: "that come with a name in the path",    of: thing([], { http: { method: "get", path: "/{n}" } }),  statuses: [401, 403, 404, 422, 429, 500, 503, 504] },
  { name: "but none for a role where anybody may", of: thing([], { access: "public" }),                      statuses: [401, 422, 429, 500, 503, 504] },
])("a route documents the refusals $name", ({ of, statuses }) => {
  const { paths } = made({ test: [of] });
  const [operation] = Object.entries(paths).flatMap(([path, methods]) => (path.startsWith(PREFIX) ? Object.values(methods) : []));
  expect(Object.keys(operation?.responses ?? {})).toEqual(["200", ...statuses.map(String)]);
});
