/** Tokens for development and tests, signed with a shared secret. In production an identity provider makes them. */
import { SignJWT } from "jose";
import type { Role } from "@tollbooth/shared/contract";

export interface Signing {
  readonly secret: string;
  readonly issuer: string;
  readonly audience: string;
}

/** The issuer and the audience that our services take where nothing else is set. */
const DEFAULT = "tollbooth";

/** A token (JWT, HS256) of a user with these roles, which expires after `ttlS` seconds. */
export async function signToken(signing: Signing, sub: string, roles: readonly Role[], ttlS: number): Promise<string> {
  const nowS = Math.floor(Date.now() / 1000);
  return new SignJWT({ roles: [...roles] })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(sub)
    .setIssuer(signing.issuer)
    .setAudience(signing.audience)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + ttlS)
    .sign(new TextEncoder().encode(signing.secret));
}

/** What tokens are signed with under these settings; undefined where an identity provider signs them. */
export function signingOf(env: NodeJS.ProcessEnv): Signing | undefined {
  const secret = env.AUTH_JWT_SECRET;
  if (secret === undefined || secret === "") return undefined;
  return { secret, issuer: env.AUTH_ISSUER ?? DEFAULT, audience: env.AUTH_AUDIENCE ?? DEFAULT };
}
