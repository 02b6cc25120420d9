/** The REST API as a test sees it. */
import { randomUUID } from "node:crypto";
import { inject } from "vitest";
import type { Role } from "@tollbooth/shared/contract";
import { signToken } from "../../tools/src/jwt.ts";
import "./setup.ts";

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  /** Whatever came; T is what the test takes it for. */
  readonly body: T;
}

export interface Caller {
  readonly sub: string;
  get<T = unknown>(path: string): Promise<Answer<T>>;
  post<T = unknown>(path: string, body: object, headers?: Record<string, string>): Promise<Answer<T>>;
}

const PREFIX = "/api/v1/credits";
const TTL_S = 3600;

/** A user nobody has seen before. */
export function somebody(): string {
  return `user-${randomUUID()}`;
}

/** The API with the token of a user who may be this; paths are below /api/v1/credits. */
export async function as(sub: string, ...roles: readonly Role[]): Promise<Caller> {
  const { gatewayUrl, signing } = inject("platform");
  const authorization = `Bearer ${await signToken(signing, sub, roles.length === 0 ? ["user"] : roles, TTL_S)}`;
  const ask = async <T>(path: string, request: RequestInit): Promise<Answer<T>> => {
    const answer = await fetch(`${gatewayUrl}${PREFIX}${path}`, { ...request, signal: AbortSignal.timeout(15_000) });
    return { status: answer.status, headers: answer.headers, body: (await answer.json()) as T };
  };
  return {
    sub,
    get: (path) => ask(path, { headers: { authorization } }),
    post: (path, body, headers = {}) => {
      const all = { authorization, "content-type": "application/json", ...headers };
      return ask(path, { method: "POST", headers: all, body: JSON.stringify(body) });
    },
  };
}
