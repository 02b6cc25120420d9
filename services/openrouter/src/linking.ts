/**
 * Connecting users by OpenRouter's own page (OAuth with PKCE), so that no key is pasted. A way there and back is its user's:
 * who comes back with another's state is refused, so that nobody's key gets into the account of whoever sent him there.
 */
import { hash, randomBytes } from "node:crypto";
import type { z } from "zod";
import { printInstant } from "@tollbooth/shared/contract";
import type { connectOpenRouterAccount } from "@tollbooth/shared/contracts/openrouter";
import { Fault, type FaultCode } from "@tollbooth/shared/fault";
import type { Reply } from "@tollbooth/shared/handler";
import type { Keyed } from "@tollbooth/shared/idempotency";
import { prepareConnection, type Connecting } from "./accounts.ts";
import { saveLink, takeLink } from "./links.store.ts";
import { once } from "./once.ts";
import { Secret } from "./secret.ts";

export interface Linking extends Connecting {
  /** The page of the users' app that OpenRouter sends them back to; undefined where there is none. */
  readonly callbackUrl: string | undefined;
}

export interface Returned {
  readonly userId: string;
  readonly code: string;
  readonly state: string;
}

const SECRET_BYTES = 32;
const AGAIN = "begin again with GET /openrouter/connect";
/** What a code and its key can be refused with; whatever else went wrong says nothing of the code. */
const REFUSALS: ReadonlySet<FaultCode> = new Set<FaultCode>([
  "forbidden",
  "insufficient_credits",
  "invalid_request",
  "key_refused",
]);

/** Begins a user's way to OpenRouter's page. Throws `not_found` where there is no page to come back to. */
export async function begin(
  { db, vault, openRouter, callbackUrl }: Linking,
  userId: string,
): Promise<z.input<(typeof connectOpenRouterAccount)["output"]>> {
  if (callbackUrl === undefined)
    throw new Fault("not_found", "this platform has no page that OpenRouter could send you back to", {
      fix: "connect a key with POST /openrouter/create-account",
    });
  const [state, verifier] = [newSecret(), newSecret()];
  const expiresAt = await saveLink(db, { userId, state, sealed: vault.seal(userId, new Secret(verifier)) });
  const back = new URL(callbackUrl);
  back.searchParams.set("state", state);
  return {
    url: openRouter.authPage(back.href, hash("sha256", verifier, "base64url")),
    expires_at: printInstant(expiresAt),
  };
}

/**
 * Connects a user who came back. The state is used up before the code is sent, so that it is sent once. Throws `not_found`
 * for a state that is not his, not any more or not yet, and `invalid_request` where OpenRouter does not take the code.
 */
export function finish(linking: Linking, { userId, code, state }: Returned, key: Keyed | undefined): Promise<Reply> {
  const { db, vault, openRouter } = linking;
  return once(db, key, async () => {
    const sealed = await takeLink(db, userId, state);
    if (sealed === undefined)
      throw new Fault("not_found", "you are on no way to OpenRouter's page and back with this state", {
        fix: `it was used, is older than 10 minutes, gave way to a later one, or is not yours: ${AGAIN}`,
      });
    const verifier = vault.open(userId, sealed);
    try {
      const apiKey = await openRouter.redeem(code, verifier);
      return await prepareConnection(linking, { userId, apiKey, email: null });
    } catch (error) {
      throw ended(error);
    }
  });
}

/** The way has ended, whatever came between: with this state nothing can be tried again. */
function ended(error: unknown): unknown {
  if (!(error instanceof Fault)) return error;
  if (!REFUSALS.has(error.code)) return new Fault(error.code, error.message, { ...error.more, fix: AGAIN });
  const message = "is not a code that OpenRouter gives a good key for";
  return new Fault("invalid_request", `code ${message}`, { fix: AGAIN, errors: [{ path: "code", message }] });
}

function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}
