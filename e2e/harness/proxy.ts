/** The proxy as its clients see it. */
import OpenAI from "openai";
import { OpenRouter } from "@openrouter/sdk";
import type { Role } from "@tollbooth/shared/contract";
import { signToken } from "../../tools/src/jwt.ts";
import type { Reach } from "./platform.ts";

type Door = Pick<Reach, "gatewayUrl" | "signing">;

const TTL_S = 3600;
const ANSWER_WITHIN_MS = 30_000;

/** Where OpenAI's clients take the API to begin. */
export function baseUrl({ gatewayUrl }: Pick<Door, "gatewayUrl">): string {
  return `${gatewayUrl}/api/v1`;
}

/** OpenAI's own client, with somebody's token for a key. */
export async function openAi(sub: string, reach: Door, headers: Record<string, string> = {}): Promise<OpenAI> {
  const apiKey = await signToken(reach.signing, sub, ["user"], TTL_S);
  return new OpenAI({
    apiKey,
    baseURL: baseUrl(reach),
    defaultHeaders: headers,
    maxRetries: 0,
    timeout: ANSWER_WITHIN_MS,
  });
}

/** OpenRouter's own client. */
export async function openRouterSdk(sub: string, reach: Door): Promise<OpenRouter> {
  return new OpenRouter({ apiKey: await signToken(reach.signing, sub, ["user"], TTL_S), serverURL: baseUrl(reach) });
}

export interface Raw {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** What is answered to bytes that no client would send, or whose bytes matter. */
export async function raw(
  reach: Door,
  { sub, body, path = "/chat/completions", headers = {}, roles = ["user"] }: Asking,
): Promise<Raw> {
  const token = await signToken(reach.signing, sub, roles, TTL_S);
  const response = await fetch(`${baseUrl(reach)}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

interface Asking {
  readonly sub: string;
  readonly body: object;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly roles?: readonly Role[];
}
