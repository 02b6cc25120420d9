/** The API's own document, and whether an answer is one that it tells of: status, headers, content and their schemas. */
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { commands } from "@tollbooth/shared/contracts/all";
import { apiDocument } from "../../services/gateway/src/documents.ts";

/** What of an answer is held against the document. */
export interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly json: unknown;
}

interface Response {
  readonly headers?: Readonly<Record<string, object>>;
  readonly content?: Readonly<Record<string, object>>;
}
interface Operation {
  readonly responses: Readonly<Record<string, { readonly $ref?: string }>>;
}

const document = closed(apiDocument(commands)) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};
const ajv = new Ajv2020({ strict: false, schemas: { api: document } });
addFormats.default(ajv);

/** Headers that mean something to clients: none of them comes where it is not documented. */
const MEANINGFUL = ["RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "Idempotency-Replayed", "Link"];

const PATTERNS = Object.keys(document.paths)
  // An exact address comes before one with a name in it.
  .toSorted((a, b) => a.split("{").length - b.split("{").length)
  .map((path) => ({ path, pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`) }));

/** What the document does not tell of an answer, in one sentence; undefined where it tells all of it. */
export function undocumented(method: string, pathname: string, answer: Told): string | undefined {
  const isHead = method === "HEAD";
  const verb = isHead ? "get" : method.toLowerCase();
  const known = PATTERNS.filter(({ pattern }) => pattern.test(pathname)).map(({ path }) => path);
  if (known.length === 0)
    return answer.status === 404 || isRefusedAtTheDoor(answer)
      ? refusal(answer, isHead)
      : "there is no such route, and yet it answers";
  const path = known.find((one) => document.paths[one]?.[verb] !== undefined);
  if (path === undefined) return wrongMethod(known, answer, isHead);
  const at = `#/paths/${pointer(path)}/${verb}/responses/${answer.status}`;
  const found = document.paths[path]?.[verb]?.responses[answer.status];
  if (found === undefined) return `the status ${answer.status} is not documented here`;
  const place = found.$ref ?? at;
  const response = resolve(place) as Response;
  return wrongHeaders(response, place, answer) ?? wrongContent(response, place, answer, isHead);
}

/** A bad token, too many requests: refused before it is known that nothing is there. */
function isRefusedAtTheDoor({ status }: Told): boolean {
  return status === 401 || status === 429;
}

function wrongMethod(paths: readonly string[], answer: Told, isHead: boolean): string | undefined {
  const methods = paths.flatMap((path) => Object.keys(document.paths[path] ?? {})).map((verb) => verb.toUpperCase());
  const allowed = methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  if (isRefusedAtTheDoor(answer)) return refusal(answer, isHead);
  if (answer.status !== 405) return "its address does not take this method, and yet it answers";
  const told = answer.headers.get("allow")?.split(", ").toSorted().join(", ");
  if (told !== allowed.toSorted().join(", ")) return `Allow is ${told} and not ${allowed.join(", ")}`;
  return refusal(answer, isHead);
}

function refusal({ headers, json }: Told, isHead: boolean): string | undefined {
  if (headers.get("content-type") !== "application/problem+json; charset=utf-8") return "it is no problem+json";
  return isHead ? undefined : invalid("#/components/schemas/Problem", json);
}

function wrongHeaders({ headers = {} }: Response, place: string, answer: Told): string | undefined {
  for (const [name, reference] of Object.entries(headers)) {
    const value = answer.headers.get(name);
    const at = "$ref" in reference ? String(reference.$ref) : `${place}/headers/${pointer(name)}`;
    const { required } = resolve(at) as { required?: boolean };
    if (value === null && required === true) return `the header ${name} is missing`;
    const wrong = value === null ? undefined : invalid(`${at}/schema`, value);
    if (wrong !== undefined) return `the header ${name} is ${value}: ${wrong}`;
  }
  const more = MEANINGFUL.find((name) => answer.headers.has(name) && !(name in headers));
  return more === undefined ? undefined : `the header ${more} is not documented here`;
}

function wrongContent({ content = {} }: Response, place: string, answer: Told, isHead: boolean): string | undefined {
  const type = answer.headers.get("content-type") ?? "";
  const documented = Object.keys(content).find((one) => type.startsWith(`${one};`) && type.endsWith("; charset=utf-8"));
  if (documented === undefined) return `it is not ${Object.keys(content).join(", ")}`;
  if (isHead || !documented.endsWith("json")) return undefined;
  return invalid(`${place}/content/${pointer(documented)}/schema`, answer.json);
}

function invalid(at: string, value: unknown): string | undefined {
  const validate = ajv.getSchema(`api${at}`);
  if (validate === undefined) throw new Error(`the document has no ${at}`);
  if (validate(value) === true) return undefined;
  return ajv.errorsText(validate.errors, { dataVar: "$", separator: "; " });
}

/** The same where objects have no members but those that are told: a client ignores more, and we tell all that we send. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== "object" || node === null) return node;
  const result = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  const isObject = result["type"] === "object" && typeof result["properties"] === "object";
  return isObject ? { additionalProperties: false, ...result } : result;
}

function resolve(place: string): unknown {
  const keys = place.slice("#/".length).split("/");
  const names = keys.map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  return names.reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], document);
}

function pointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
