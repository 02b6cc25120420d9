/** What is wrong with an answer: it is not one that the document tells of, or it gives what nobody may have. */
import { expectPromised } from "../harness/answer.ts";
import { undocumented } from "../harness/document.ts";
import { mounted, PREFIX } from "../harness/person.ts";
import type { Draft } from "./draft.ts";
import type { Operation } from "./operations.ts";
import type { RawAnswer } from "./socket.ts";

/** What tells how we are made: where code lies, what it stands on. */
const INSIDE = /node_modules|\/dist\/|\n\s+at |\bat [^\n]{1,200}\.[jt]s:\d+:\d+|postgres:\/\/|nats:\/\/|\bECONN/;
const PROXY = /^\/api\/v1\/(?:chat\/completions|embeddings|models)$/;

/** One sentence; undefined where all is well. */
export function wrongWith(draft: Draft, answer: RawAnswer | undefined): string | undefined {
  if (answer === undefined) return "the connection was closed without an answer";
  const { status, headers, text, after } = answer;
  // Where all processors are taken a service may be late to say that it is there.
  if (status >= 500 && !(status === 503 && draft.operation.path === "/health/ready")) return `${status} ${text}`;
  if (headers.has("x-injected")) return "a header of the caller's is in the answer";
  if (INSIDE.test(text)) return `it tells of the inside: ${INSIDE.exec(text)?.[0]}`;
  if (status < 300) {
    const undeserved = tooMuch(draft);
    if (undeserved !== undefined) return undeserved;
  }
  if (draft.isBare && isBareRefusal(answer)) return undefined;
  if (after !== "" && !draft.isBare) return `something comes after the answer: ${after.slice(0, 200)}`;
  return unlikeTheDocument(draft, answer);
}

/** What a 2xx gives away that nobody may have who asks so. */
function tooMuch(draft: Draft): string | undefined {
  const { operation, who, isForged } = draft;
  if (!operation.needsToken) return undefined;
  if (isForged) return "it is given for a token that is none";
  if (who === "nobody") return "it is given to nobody";
  const role = who === "other" ? "user" : who;
  if (role === "admin") return undefined;
  if (!rolesOf(operation).includes(role)) return `it is given to a ${role}`;
  const named = role === "user" ? namedBy(draft) : undefined;
  return named === undefined || named === `fuzz-${who}` ? undefined : `it is given to ${who} for ${named}`;
}

/** By the contract; the proxy is for whoever has a token. */
function rolesOf({ path, method }: Operation): readonly string[] {
  const command = mounted.find(({ http }) => `${PREFIX}${http.path}` === path && http.method.toUpperCase() === method);
  return typeof command?.access === "object" ? command.access : ["user", "service"];
}

/** Whom a request says that it acts on: in its body or its query, as its method has it. What is for the proxy is passed on unread. */
function namedBy({ operation, method, said, target }: Draft): string | undefined {
  if (PROXY.test(operation.path)) return undefined;
  if (method !== "POST") return new URLSearchParams(target.split("?")[1]).get("user_id") ?? undefined;
  const named = typeof said === "object" && said !== null && "user_id" in said ? said.user_id : undefined;
  return typeof named === "string" ? named : undefined;
}

/** What cannot be parsed is answered on the bare connection, which is then closed. */
function isBareRefusal({ status, headers, text }: RawAnswer): boolean {
  if (headers.get("content-type") !== "application/problem+json" || headers.get("connection") !== "close") return false;
  const codes: Readonly<Record<number, string>> = { 400: "malformed_request", 431: "headers_too_large" };
  // Whoever asks by HEAD hears no body.
  if (text === "") return codes[status] !== undefined;
  const problem = JSON.parse(text) as { readonly status: number; readonly code: string };
  return problem.status === status && codes[status] === problem.code;
}

function unlikeTheDocument({ method, target }: Draft, { status, headers, text }: RawAnswer): string | undefined {
  const isJson = headers.get("content-type")?.includes("json") === true && text !== "";
  const pathname = pathOf(target);
  try {
    const json = isJson ? (JSON.parse(text) as unknown) : undefined;
    // Refusals of the proxy are in OpenAI's form, but for those that every address has.
    if (PROXY.test(pathname) && status !== 405) return undocumented(method, pathname, { status, headers, json });
    expectPromised(method, pathname, { status, headers, text, json });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** As the gateway understands it: an address may be sent whole, as to a proxy. */
function pathOf(target: string): string {
  const isWhole = !target.startsWith("/") && URL.canParse(target);
  return isWhole ? new URL(target).pathname : (target.split("?")[0] ?? "");
}
