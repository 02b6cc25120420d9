/** The door of a service: bytes in, parsed once by the contract, authorised by its table; an answer out. */
import type { z } from "zod";
import type { Access, Ask, Caller, Command } from "./contract.ts";
import { isDeeper } from "./depth.ts";
import { Fault, type FieldProblem } from "./fault.ts";

/** An answer as it leaves: the exact text, kept so that a repeat gives the same bytes. */
export class Reply {
  readonly json: string;
  /** Whether this is the remembered answer of an earlier request with the same key. */
  readonly replayed: boolean;
  /** Where the next page starts, for lists that have one. */
  readonly next: string | undefined;

  constructor(json: string, more: { replayed?: boolean; next?: string | undefined } = {}) {
    this.json = json;
    this.replayed = more.replayed ?? false;
    this.next = more.next;
  }
}

export interface Context extends Ask {
  /** The user the request acts on: the one named, if the caller may name him, else the caller. Throws `forbidden`. */
  onUser(named: string | undefined): string;
}

export interface Endpoint {
  readonly contract: Command;
  answer(body: Uint8Array, ask: Ask): Promise<Reply>;
}

/** Joins a contract and what does it. The work gets parsed input and a caller who may ask; it answers a value or a Reply. */
export function handle<I extends z.ZodType, O extends z.ZodType>(
  contract: Command<I, O>,
  work: (input: z.output<I>, context: Context) => Promise<z.input<O> | Reply>,
): Endpoint {
  return {
    contract,
    answer: async (body, ask) => {
      if (Date.now() > ask.deadlineMs)
        throw new Fault("timeout", "the request came too late to be answered in time", { retryAfterS: 1 });
      mayAsk(contract.access, ask.caller);
      const input = parseInput(contract.input, readJson(body));
      const result = await work(input, { ...ask, onUser: (named) => actsOn(contract, ask.caller, named) });
      return result instanceof Reply ? result : new Reply(JSON.stringify(result));
    },
  };
}

/** Parses by a schema; throws `invalid_request` that names every bad field. */
export function parseInput<I extends z.ZodType>(schema: I, value: unknown): z.output<I> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.slice(0, 20).map(fieldProblem);
  const first = errors[0];
  throw new Fault(
    "invalid_request",
    `the request is not valid${first === undefined ? "" : `: ${first.path || "the body"}: ${first.message}`}`,
    { errors },
  );
}

function fieldProblem(issue: z.core.$ZodIssue): FieldProblem {
  const message =
    issue.code === "unrecognized_keys"
      ? `unknown field ${issue.keys.map((key) => `"${key}"`).join(", ")}`
      : issue.message;
  return { path: issue.path.map(String).join("."), message };
}

const ESCAPED_BAD_TEXT = /\\u(0000|[dD][89a-fA-F])/;
const DEPTH_MAX = 32;

/** JSON of at most 32 levels whose texts Postgres can keep; nothing at all is `{}`. Throws `malformed_json` and `invalid_request`. */
export function readJson(body: Uint8Array): unknown {
  if (body.length === 0) return {};
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  if (isDeeper(text, DEPTH_MAX)) throw invalid("", `is more than ${DEPTH_MAX} levels deep`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Fault("malformed_json", "the body is not JSON", { cause });
  }
  if (ESCAPED_BAD_TEXT.test(text)) checkTexts(value, "");
  return value;
}

/** Refuses U+0000 and half surrogate pairs: no database text can hold them. */
function checkTexts(value: unknown, path: string): void {
  if (typeof value === "string") checkText(value, path);
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    checkText(key, path);
    checkTexts(inner, path === "" ? key : `${path}.${key}`);
  }
}

function checkText(text: string, path: string): void {
  if (/[\0\p{Cs}]/u.test(text)) throw invalid(path, "contains U+0000 or half a surrogate pair");
}

function invalid(path: string, message: string): Fault {
  return new Fault("invalid_request", `the request is not valid: ${path || "the body"} ${message}`, {
    errors: [{ path, message }],
  });
}

/** Throws `unauthenticated` or `forbidden` unless this caller may ask what has this access. */
export function mayAsk(access: Access, caller: Caller | undefined): void {
  if (access === "internal" || access === "public") return;
  if (caller === undefined) throw new Fault("unauthenticated", "this needs a token");
  if (caller.roles.includes("admin") || access.some((role) => caller.roles.includes(role))) return;
  throw new Fault("forbidden", "your role may not do this");
}

function actsOn({ access }: Command, caller: Caller | undefined, named: string | undefined): string {
  if (caller === undefined) throw new Fault("unauthenticated", "this needs to know who asks");
  if (named === undefined || named === caller.sub) return caller.sub;
  const serviceMay = access !== "internal" && access !== "public" && access.includes("service");
  if (caller.roles.includes("admin") || (serviceMay && caller.roles.includes("service"))) return named;
  // The same answer whether that user exists or not: nobody learns of others.
  throw new Fault("forbidden", "you may act on your own account only");
}
