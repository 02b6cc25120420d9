/** What the proxy answers, held against the document of the API. */
import { signToken } from "../../tools/src/jwt.ts";
import { undocumented } from "./document.ts";
import type { Person } from "./person.ts";
import type { Reach } from "./platform.ts";

export interface Asking {
  /** Nobody, where none is named. */
  readonly user?: Person;
  readonly path?: string;
  readonly text?: string;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
}

const TOKEN_TTL_S = 600;
const WITHIN_MS = 15_000;

/** Asks; answers the status, and what is told beside the answer. Throws where it is not as documented, or has no name. */
export async function askProxy(
  { gatewayUrl, signing }: Pick<Reach, "gatewayUrl" | "signing">,
  { user, path = "/chat/completions", text = "", method = "POST", headers = {} }: Asking,
) {
  const token = user && (await signToken(signing, user.sub, ["user"], TOKEN_TTL_S));
  const response = await fetch(`${gatewayUrl}/api/v1${path}`, {
    method,
    headers: {
      "content-type": "application/json",
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(method === "POST" && { body: text }),
    signal: AbortSignal.timeout(WITHIN_MS),
  });
  const { status, headers: told } = response;
  const said = await response.text();
  const json: unknown = told.get("content-type")?.includes("json") === true ? JSON.parse(said) : undefined;
  const wrong = undocumented(method, `/api/v1${path}`, { status, headers: told, json });
  if (wrong !== undefined)
    throw new Error(`${method} ${path} broke its promise: ${wrong}\nIt answered ${status} ${said}`);
  const name = told.get("x-tollbooth-request-id");
  if (name === null) throw new Error(`${method} ${path} does not tell the name of the request`);
  return { status, name, cost: told.get("x-tollbooth-cost"), balance: told.get("x-tollbooth-balance") };
}
