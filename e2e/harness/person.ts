/** Somebody at the REST API. Whatever he is answered is held against the contract first. */
import { randomUUID } from "node:crypto";
import { inject } from "vitest";
import type { z } from "zod";
import type { Command, Role, Route } from "@tollbooth/shared/contract";
import { commands } from "@tollbooth/shared/contracts/all";
import { signToken } from "../../tools/src/jwt.ts";
import { expectPromised, type Answer, type Problem } from "./answer.ts";
import type { Reach } from "./platform.ts";

export const PREFIX = "/api/v1/credits";
const TTL_S = 3600;
/** Nothing may take longer: a request that hangs fails its test. */
const ANSWER_WITHIN_MS = 15_000;

type Headers = Readonly<Record<string, string>>;
export type Mounted = Command & { readonly http: Route };

/** Every command that the gateway serves. */
export const mounted: readonly Mounted[] = Object.values(commands)
  .flat()
  .filter((command): command is Mounted => command.http !== undefined && command.access !== "internal");

/** Where to knock, with tokens signed how and good for how long. */
type Door = Pick<Reach, "gatewayUrl" | "signing"> & { readonly ttlS?: number };

/** A request as it goes out, for those that no client of ours would make. */
export interface Sending {
  readonly body?: string | Uint8Array;
  readonly headers?: Headers;
}

export class Person {
  readonly sub: string;
  readonly #gatewayUrl: string;
  readonly #headers: Headers;

  private constructor(sub: string, gatewayUrl: string, headers: Headers) {
    this.sub = sub;
    this.#gatewayUrl = gatewayUrl;
    this.#headers = headers;
  }

  /** Somebody with a token: a plain user, where no role is said. */
  static async of(sub: string, roles: readonly Role[] = ["user"], reach: Door = inject("platform")) {
    const token = await signToken(reach.signing, sub, roles, reach.ttlS ?? TTL_S);
    return Person.with(`Bearer ${token}`, sub, reach);
  }

  /** Somebody with this Authorization header, or with none. */
  static with(authorization: string | undefined, sub = "", reach: Pick<Reach, "gatewayUrl"> = inject("platform")) {
    return new Person(sub, reach.gatewayUrl, authorization === undefined ? {} : { authorization });
  }

  /** The result of a command, as it stands on the wire. Throws where it is refused. */
  async ok<I extends z.ZodType, O extends z.ZodType>(
    command: Command<I, O>,
    input: object = {},
    headers: Headers = {},
  ): Promise<z.input<O>> {
    const answer = await this.ask(command, input, headers);
    if (answer.status !== 200) throw new Error(`${command.subject} was refused: ${answer.text}`);
    return answer.json as z.input<O>;
  }

  /** The refusal of a command. Throws where it is done. */
  async refused(command: Command, input: object = {}, headers: Headers = {}): Promise<Problem> {
    const answer = await this.ask(command, input, headers);
    if (answer.status === 200) throw new Error(`${command.subject} was done: ${answer.text}`);
    return answer.json as Problem;
  }

  /** Whatever a command answers. */
  ask(command: Command, input: object = {}, headers: Headers = {}): Promise<Answer> {
    const { method, path: pattern } = (command as Mounted).http;
    const named: Readonly<Record<string, unknown>> = { ...input };
    const inPath = new Set<string>();
    const path = pattern.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      inPath.add(name);
      return encodeURIComponent(String(named[name]));
    });
    const rest = Object.fromEntries(Object.entries(input).filter(([name]) => !inPath.has(name)));
    if (method === "post") {
      const json = { "content-type": "application/json", ...headers };
      return this.send("POST", path, { headers: json, body: JSON.stringify(rest) });
    }
    return this.send(method.toUpperCase(), `${path}${queryOf(rest)}`, { headers });
  }

  /** The answer to a request at a path below the API's prefix. */
  async send(method: string, pathAndQuery: string, { body, headers = {} }: Sending = {}): Promise<Answer> {
    const all = { ...this.#headers, ...headers };
    return request(method, `${this.#gatewayUrl}${PREFIX}${pathAndQuery}`, {
      ...(body !== undefined && { body }),
      headers: all,
    });
  }
}

/** What is answered to anybody who looks at an address outside the API. */
export function visit(path: string, { gatewayUrl }: Pick<Reach, "gatewayUrl"> = inject("platform")): Promise<Answer> {
  return request("GET", `${gatewayUrl}${path}`, {});
}

async function request(method: string, address: string, { body, headers = {} }: Sending): Promise<Answer> {
  const response = await fetch(address, {
    method,
    headers,
    body: body ?? null,
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true && text !== "";
  const json = isJson ? (JSON.parse(text) as unknown) : undefined;
  const answer = { status: response.status, headers: response.headers, text, json };
  expectPromised(method, new URL(address).pathname, answer);
  return answer;
}

/** A name that nobody had before. */
export function somebody(who = "user"): string {
  return `${who}-${randomUUID()}`;
}

/** A user nobody has seen before. */
export function newUser(): Promise<Person> {
  return Person.of(somebody());
}

/** An administrator, and a service that reports usage. */
export const admin: () => Promise<Person> = () => Person.of(somebody("admin"), ["admin"]);
export const service: () => Promise<Person> = () => Person.of(somebody("service"), ["service"]);

function queryOf(input: object): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input)) query.set(name, String(value));
  return query.size === 0 ? "" : `?${query.toString()}`;
}
