/** Tokens for development and tests, signed with a shared secret. In production an identity provider makes them. */
import { SignJWT } from "jose";
import type { Role } from "@tollbooth/shared/contract";

export interface Signing {
  readonly secret: string;
  readonly issuer: string;
  readonly audience: string;
}

export const DEFAULT_ISSUER = "tollbooth";
export const DEFAULT_AUDIENCE = "tollbooth";

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
